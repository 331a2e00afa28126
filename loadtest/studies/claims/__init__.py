"""What is published about expiring entries, run again and judged."""
