"""Reports: a run on the terminal, in Markdown and in HTML."""
