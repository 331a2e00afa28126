"""The simulated system: clients, network, pods, Redis and origin."""
