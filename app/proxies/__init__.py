"""Proxies: caches of HTTP answers that stand in front of pods, as their documentation has them used."""
