"""How much this machine can send honestly."""
