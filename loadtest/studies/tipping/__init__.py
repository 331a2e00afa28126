"""Tipping: the map of load against trigger that shows which systems come back, and from what."""
