"""Comparing action formats from results files: statistics, error taxonomy, reports."""
