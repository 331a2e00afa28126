"""The load: what Locust runs, and what is measured of it."""
