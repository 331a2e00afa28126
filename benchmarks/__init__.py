"""The lab's own speed, and the figures that its README quotes: `python -m benchmarks`."""
