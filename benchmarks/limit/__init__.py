"""The highest rate that this machine can send honestly."""
