"""What is built from runs."""
