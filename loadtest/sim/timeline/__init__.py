"""A run as a timeline: what was under way when, and why a request waited."""
