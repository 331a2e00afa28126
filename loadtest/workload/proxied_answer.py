"""Status and age of an answer that came through a proxy, which tells only how it got it (`app.proxy`)."""

import math

from app.strategy import Status


def through_proxy(status: str, loaded: str, sent_s: float, ended_s: float) -> tuple[str, float | None]:
    """The status and the age in seconds of the answer to a request that was sent and ended at those moments.

    `loaded` says when its load began and ended. What a proxy takes for a hit was loaded while the request waited, where
    that load has ended after the request was sent. All moments are on the cache's clock. The age is None, and the
    status as it was, where `loaded` says nothing.
    """
    parts = dict(part.strip().partition("=")[::2] for part in loaded.split(";"))
    try:
        began_s, loaded_s = float(parts["began"]), float(parts["ended"])
    except (KeyError, ValueError):
        return status, None
    if not math.isfinite(began_s):
        return status, None
    waited = status == Status.HIT and loaded_s > sent_s
    return Status.COLLAPSED if waited else status, ended_s - began_s
