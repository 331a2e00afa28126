"""A timeline as one page, which needs no network; every text is in it once. How it looks is in `templates/replay.*`."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from loadtest.report.embedding import as_data
from loadtest.report.rendering import render
from loadtest.sim.timeline.spans import Timeline
from loadtest.sim.timeline.why import load_in_words, lock_in_words, wait_in_words


class _Texts:
    """The texts of a page, each once."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}

    def place(self, text: str) -> int:
        return self.places.setdefault(text, len(self.places))

    def all(self, texts: Sequence[str]) -> list[int]:
        return [self.place(text) for text in texts]


def replay_page(
    timeline: Timeline, title: str, sentence: str, verdict: str, is_violated: bool, stamp: Sequence[tuple[str, str]]
) -> str:
    """The page of a timeline, with the verdict on its run; the same timeline gives the same bytes."""
    kinds = {moment.kind for moment in timeline.moments} | ({"load"} if timeline.loads else set())
    runs = {
        "expiry": "next expiry",
        "load": "next load",
        "store": "next store",
        "fault": "next fault",
        "violation": "violation",
    }
    return render(
        "replay.html",
        title=title,
        sentence=sentence,
        verdict=verdict,
        is_violated=is_violated,
        shown=_shown(timeline),
        opens_at_expiry="expiry" in kinds and bool(timeline.loads) and not is_violated,
        runs=[(kind, label) for kind, label in runs.items() if kind in kinds],
        stamp=stamp,
        run=Markup(as_data(_data(timeline))),
    )


def _shown(timeline: Timeline) -> str:
    items = ", ".join(map(str, timeline.items))
    texts = [
        f"Items {items} from {timeline.since_s:.3f} to {timeline.until_s:.3f} s.",
        f"{len(timeline.requests):,} requests that were not answered from the cache at once, each with its reasons;",
        f"{timeline.hits.total():,} that were, as counts.",
    ]
    if timeline.left_out:
        texts.append(
            f"{timeline.left_out:,} events are left out, beyond these times: --since and --until choose others."
        )
    return " ".join(texts)


def _data(timeline: Timeline) -> dict[str, object]:
    texts = _Texts()
    pods = {name: place for place, name in enumerate(timeline.pods)}
    requests = {request.number: place for place, request in enumerate(timeline.requests)}

    def us(at_s: float) -> int | None:
        return None if at_s == math.inf else round((at_s - timeline.since_s) * 1e6)

    def span(
        pod: str, item: int, began_s: float, ended_s: float, text: str, why: Sequence[str]
    ) -> tuple[int, int, int | None, int | None, int, list[int]]:
        return pods.get(pod, -1), item, us(began_s), us(ended_s), texts.place(text), texts.all(why)

    bins = max((number for _, number in timeline.hits), default=-1) + 1
    return {
        "from": timeline.since_s,
        "end": us(timeline.until_s),
        "pods": timeline.pods,
        "items": timeline.items,
        "events": [
            (us(told.at_s), pods.get(told.pod, -1), texts.place(told.what), requests.get(told.request or 0, -1))
            for told in timeline.events
        ],
        "loads": [
            span(load.pod, load.item, load.began_s, load.ended_s, load.reason, load_in_words(load))
            for load in timeline.loads
        ],
        "locks": [
            span(lock.pod, lock.item, lock.since_s, lock.until_s, lock.end, lock_in_words(lock))
            for lock in timeline.locks
        ],
        "waits": [
            span(wait.pod, wait.item, wait.since_s, wait.until_s, wait.end, wait_in_words(wait))
            for wait in timeline.waits
        ],
        "requests": [
            span(request.pod, request.item, request.asked_s, request.ended_s, request.said, request.why)
            for request in timeline.requests
        ],
        "moments": [(us(moment.at_s), moment.kind, texts.place(moment.what)) for moment in timeline.moments],
        "bin": timeline.bin_s * 1e6,
        "hits": [[timeline.hits[pod, number] for number in range(bins)] for pod in timeline.pods],
        "texts": list(texts.places),
    }
