"""Prefixes of a strategy's keys: those whose requests are counted, and whose TTL the tuner sets.

A key is `lab:STRATEGY:ID`, so a prefix that is longer than the strategy's own ends with the first digits of an id. One
digit makes ten prefixes, whatever the number of keys: labels of metrics have to be few.
"""


def keys_begin_with(strategy: str) -> str:
    """The prefix that all keys of a strategy share."""
    return f"lab:{strategy}:"


def prefixes_of(strategy: str) -> list[str]:
    """The ten prefixes of a strategy's keys, by the first digit of the id."""
    return [f"{keys_begin_with(strategy)}{digit}" for digit in range(10)]
