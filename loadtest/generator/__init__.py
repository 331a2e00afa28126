"""Everything inside a process that sends a load."""
