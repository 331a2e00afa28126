"""Statistics: claims that repeats, comparisons and gates allow."""
