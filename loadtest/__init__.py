"""Drives the service, measures it, and explains what it saw."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
"""The checkout, which holds `app` and `loadtest`; in an installed package, the folder of the packages."""
