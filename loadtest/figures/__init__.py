"""What happened in a run, as numbers; the only package that knows the file names of a run."""
