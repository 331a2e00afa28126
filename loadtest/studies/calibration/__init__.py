"""Virtual time held to real runs."""
