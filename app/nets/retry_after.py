"""The header `Retry-After` of an answer that refuses, and the same in milliseconds in a header of the lab's own."""

import math

UNKNOWN_S = 1.0
"""The seconds that a refusal states where nothing says when another try may do better."""
LONGEST_S = 3_600.0


def retry_headers(retry_after_s: float | None) -> str:
    """The header lines: whole seconds, rounded up (RFC 9110), and milliseconds where the time is known."""
    if retry_after_s is None:
        return f"retry-after: {math.ceil(UNKNOWN_S)}\r\n"
    seconds = min(max(retry_after_s, 0.0), LONGEST_S)
    return f"retry-after: {max(1, math.ceil(seconds))}\r\nx-retry-after-ms: {math.ceil(seconds * 1000)}\r\n"
