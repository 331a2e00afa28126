"""The header `Retry-After` of an answer that refuses, and the same in milliseconds in a header of the lab's own."""

import math

UNKNOWN_S = 1.0
"""The seconds that a refusal states where nothing says when another try may do better."""
LONGEST_S = 3_600.0


def retry_headers(retry_after_s: float | None) -> str:
    """The header lines: whole seconds, rounded up (RFC 9110), and milliseconds where the time is known."""
    line = f"retry-after: {whole_seconds(retry_after_s)}\r\n"
    if retry_after_s is None:
        return line
    return f"{line}x-retry-after-ms: {math.ceil(1000 * min(max(retry_after_s, 0.0), LONGEST_S))}\r\n"


def whole_seconds(retry_after_s: float | None) -> int:
    """The seconds that the header `Retry-After` states, at least 1."""
    return max(1, math.ceil(min(UNKNOWN_S if retry_after_s is None else retry_after_s, LONGEST_S)))
