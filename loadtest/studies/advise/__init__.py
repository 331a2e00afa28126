"""Advise: one's own service in numbers, simulated in four situations, and what to do about its cache."""
