"""Mistakes: strategies that are wrong on purpose, each beside its right twin. They are served only with `LAB_WRONG`."""
