"""What must happen, by formula."""
