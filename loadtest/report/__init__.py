"""A run as something to read: terminal, Markdown and HTML."""
