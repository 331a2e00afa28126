"""Theory: predictions by formula."""
