"""The virtual-time world: the service's own code on a clock that jumps."""
