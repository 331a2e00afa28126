"""Samples of a service's own traffic: access logs, Redis MONITOR and traces, streamed, with their keys hashed."""
