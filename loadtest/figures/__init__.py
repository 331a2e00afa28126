"""Figures of a run; the only package that knows the file names of a run."""
