"""Bounds that run: what no strategy can leave. Discovered only when asked for (`LAB_BOUNDS`), and never live."""
