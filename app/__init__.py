"""The service: one endpoint per caching strategy, in front of a deliberately slow store."""
