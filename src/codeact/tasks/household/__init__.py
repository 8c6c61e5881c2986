"""Robot planning: small tasks in a household, by eleven functions."""
