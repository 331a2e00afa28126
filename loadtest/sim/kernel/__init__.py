"""The event loop of virtual time, which knows nothing of caches."""
