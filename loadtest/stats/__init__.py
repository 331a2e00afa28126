"""Statistics: the claims that repeats allow, comparisons of runs, and gates."""
