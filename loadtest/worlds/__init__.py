"""The worlds in which a run takes place, and everything that a run of real processes starts."""
