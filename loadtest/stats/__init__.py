"""What repeats, comparisons and gates may claim."""
