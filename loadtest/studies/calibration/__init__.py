"""Calibration: virtual time compared with real processes, and fitted to them."""
