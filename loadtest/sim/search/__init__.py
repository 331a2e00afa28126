"""The search for scenarios that break an invariant, and the shrinking and replay of such runs."""
