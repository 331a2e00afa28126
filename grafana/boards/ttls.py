"""The dashboard of TTLs that a tuner sets: how much each prefix of the keys is asked for, and how long it lives."""

from grafana.boards.board import BASELINE, Json, make_board, query_variable, several
from grafana.boards.panels import target, text, time_series
from grafana.boards.queries import shown
from grafana.boards.story import ages, needles

COUNTED = query_variable(
    "strategy",
    "Strategy",
    "Whose requests are counted by prefix of the key",
    "label_values(strategy_prefix:lab_prefix_requests:increase1s, strategy)",
    **several(),
)
HOW_TO_READ = """\
The **tuner** is a process of its own beside the pods. Every few seconds it reads from VictoriaMetrics how often the \
keys with each prefix are asked for, and sets a TTL for each prefix in Redis, which pods follow without a restart. \
Expect a prefix's TTL to follow the root of its rate, within a round. What it sets ends after three rounds: without \
the tuner, or with no metrics, each TTL here is the run's own again, and a strategy judges each key by its own window.
"""


def board() -> Json:
    return make_board(
        "ttls",
        "TTLs",
        "Requests and TTL by prefix of the key: what a tuner beside the pods reads, and what pods follow.",
        [
            ("", [text("Who sets a TTL", HOW_TO_READ, height=3)]),
            ("", [_rates(), _ttls()]),
            ("", [needles("$strategy: origin reads per second", width=12, height=7), ages(12, 7)]),
        ],
        [COUNTED, BASELINE],
    )


def _rates() -> Json:
    return time_series(
        "Requests by prefix",
        "Requests in each second for the keys with a prefix, over all pods. Expect the hot key's prefix far above the "
        "others.",
        [target(shown("strategy_prefix:lab_prefix_requests:increase1s"), "{{prefix}}")],
        "suffix:/s",
        width=12,
        height=9,
    )


def _ttls() -> Json:
    return time_series(
        "TTL by prefix",
        "The TTL that pods go by for the keys with a prefix: the tuner's, or the run's own where it has set none. "
        "Expect it to follow the rate within a round of the tuner, and to go back to the run's own without the tuner.",
        [target(shown("strategy_prefix:lab_prefix_ttl_seconds:max"), "{{prefix}}")],
        "s",
        width=12,
        height=9,
        custom={"fillOpacity": 0, "lineInterpolation": "stepAfter"},
        legend={"calcs": ["lastNotNull"]},
    )
