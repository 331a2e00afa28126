"""Mistakes that are wrong on purpose, each beside its right twin."""
