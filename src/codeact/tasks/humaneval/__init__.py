"""HumanEval: functions to be completed, by code actions or in one reply."""
