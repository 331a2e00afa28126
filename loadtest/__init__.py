"""Drives the service, measures it, and explains what it saw."""
