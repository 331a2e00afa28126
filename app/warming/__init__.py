"""The warmer: it fills the cache before anybody asks, in batches, inside a rate, with expiries that are spread."""
