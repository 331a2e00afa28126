"""Claims: published figures about expiring entries, run again and judged."""
