"""Drives the service, measures it, and explains what it saw."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
"""Of the checkout: where `app`, `tests` and `results` are."""
