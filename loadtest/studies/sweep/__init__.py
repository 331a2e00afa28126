"""Sweep: a grid of settings simulated in virtual time, and the best choices in it."""
