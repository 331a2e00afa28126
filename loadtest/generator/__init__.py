"""The generator: everything inside a process that sends load."""
