"""The simulated wire: an in-memory network of the virtual loop, and the Redis behind it, for unmodified clients."""
