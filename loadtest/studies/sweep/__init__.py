"""A grid of settings in virtual time, and what to choose of it."""
