"""The event loop of virtual time. The kernel knows nothing of caches."""
