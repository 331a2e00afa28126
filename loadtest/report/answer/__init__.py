"""The answer of a run, computed: who did best, at what price, and what to do."""
