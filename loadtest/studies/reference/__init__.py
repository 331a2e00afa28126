"""The reference pages: what the code says of its own fields, columns, commands and variables."""
