"""Studies: each turns the summaries of many runs into one answer."""
