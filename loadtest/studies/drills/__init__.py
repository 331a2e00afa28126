"""Drills: faults by plan, what must hold under each, and who held it."""
