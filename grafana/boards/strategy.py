"""The dashboard of one strategy: its own description, and all that is measured of it."""

from grafana.boards.board import BASELINE, Json, make_board, query_variable, strategy_variable
from grafana.boards.panels import WHY_COLORS, colors, target, text, time_series
from grafana.boards.queries import shown
from grafana.boards.story import ages, needles, not_hit, percentiles, waits

ONE = strategy_variable("strategy", "Strategy", "Whose page this is")
SAYS = query_variable(
    "says", "Says", "Its own first sentence", 'label_values(lab_strategy_info{strategy="$strategy"}, says)', hide=2
)
ABOUT = """\
**$strategy**: $says  
It is one file, `app/strategies/$strategy.py`: what to expect of it and where it hurts is said at its top, and every \
parameter with its bounds. Under `make dev` an edit is in the pods a few seconds later, and marked here by a line.
"""  # noqa: W291  # two spaces are Markdown's line break


def board() -> Json:
    return make_board(
        "strategy",
        "Strategy",
        "One strategy alone: its needles, its answers, who waits, how old what they get is, and what it locks.",
        [
            (
                "",
                [
                    text("What it is", ABOUT, height=3),
                    needles("$strategy: origin reads per second", width=12, height=7),
                    not_hit("$strategy: answers that were no hits", width=12, height=7),
                    percentiles("$strategy: latency of each second", width=12, height=7),
                    waits("$strategy: answers by how long they took", "strategy", 12, 7),
                    _why(),
                    ages(8, 7),
                    _locks(),
                ],
            )
        ],
        [ONE, BASELINE, SAYS],
    )


def _why() -> Json:
    return time_series(
        "Why the origin was read",
        "Reads in each second. miss: there was nothing to answer with; refresh: the entry was stale; early: it was "
        "still fresh. Expect one colour, which is the strategy's own way.",
        [target(shown("strategy_reason:lab_origin_reads:increase1s"), "{{reason}}")],
        "suffix:/s",
        height=7,
        overrides=colors(WHY_COLORS),
    )


def _locks() -> Json:
    return time_series(
        "Locks asked for",
        "Attempts at a key's lock, in each second. Expect none where nothing is locked, and else one that was got for "
        "each expiry.",
        [
            target(shown("strategy:lab_lock_requests:increase1s", f'taken="{taken}", strategy=~"$strategy"'), name, ref)
            for taken, name, ref in (("true", "got", "A"), ("false", "found taken", "B"))
        ],
        "suffix:/s",
        height=7,
    )
