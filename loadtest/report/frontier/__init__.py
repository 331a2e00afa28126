"""The frontier: origin reads against latency and age, and which of them nothing else beats."""
