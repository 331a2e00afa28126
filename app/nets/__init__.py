"""The nets under an outage: small policies round a strategy and its origin, which no strategy knows of.

Each policy is a file of its own, with the clock handed in, so that the service and virtual time run the same one.
"""
