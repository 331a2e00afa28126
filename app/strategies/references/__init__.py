"""Bounds that run: what no strategy can leave. Discovered only when asked for (`LAB_REFERENCES`), and never live."""
