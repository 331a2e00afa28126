"""The search for scenarios that break an invariant, and how such a run is shrunk and retold."""
