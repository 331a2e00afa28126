"""The side-by-side story: every strategy under the same load, one column each."""

from grafana.boards.board import POD, STRATEGY, Json, make_board, query_variable, several
from grafana.boards.panels import (
    STATUS_COLORS,
    axis_target,
    bound,
    colors,
    override,
    per_strategy,
    stat,
    target,
    text,
    time_series,
)
from grafana.boards.queries import CHOSEN, SHOWN, in_a_second, quantile

HOW_TO_READ = """\
Every **column** is one strategy; all get the same load, at the same time, on the same axes. One point is one second. \
When a hot entry expires, its readers have three ways out: all of them ask the slow origin (**a needle** in the first \
row), or one asks and the others wait (no needle, but a spike of **latency** below it), or they take the old answer \
(neither, but their **age** passes the TTL). Compare the worst second, not the average: that is what an origin dies of.
"""

BASELINE = query_variable(
    "baseline",
    "Baseline",
    "What the tiles compare with",
    "label_values(lab_requests_total, strategy)",
    current={"text": "static", "value": "static"},
)
SHOWN_VARIABLE = query_variable(
    "shown",
    "Shown",
    "What $strategy selects, for queries in panels that are repeated by $strategy",
    'label_values(lab_requests_total{strategy=~"$strategy"}, strategy)',
    hide=2,
    **several(all_value=None),
)

READS = "lab_origin_reads_total"
DURATION = "lab_request_duration_seconds"


def board() -> Json:
    return make_board(
        "stampede",
        "Stampede",
        "What every cache strategy does at the moment an entry expires, side by side.",
        [
            ("", [text("How to read this", HOW_TO_READ, height=3)]),
            ("Origin reads in the worst second of the last 5 minutes", [per_strategy(_worst_second())]),
            ("Origin reads: the herd", [per_strategy(_reads())]),
            ("Latency: the wait", [per_strategy(_latency())]),
            ("One over another", [_misses(), _miss_ratio(), _p99()]),
            ("How answers were made", [per_strategy(_statuses())]),
            ("What it costs", [_ages(), _pool(), _lock_waits()]),
        ],
        [STRATEGY, POD, BASELINE, SHOWN_VARIABLE],
    )


def _worst_second() -> Json:
    def peak(where: str, by: str) -> str:
        return f"max_over_time(({in_a_second(READS, by, where)})[5m:1s])"

    baseline = peak('strategy="$baseline", pod=~"$pod"', "")
    return stat(
        "$strategy",
        "The most origin reads of any one second of the last 5 minutes, whatever range is shown, and how that "
        "compares with the baseline's worst second. Expect a small share for whatever coordinates.",
        [
            target(peak(CHOSEN, "strategy"), "{{strategy}}"),
            target(f"{peak(CHOSEN, '')} / {baseline}", "of $baseline", "B"),
        ],
        "suffix:/s",
        defaults={"decimals": 0},
        overrides=[override("^of ", unit="percentunit")],
        options={"textMode": "value_and_name"},
    )


def _reads() -> Json:
    return time_series(
        "$strategy: origin reads",
        "Reads that the origin got in each second, over all pods; what was shed is none. Expect needles one TTL apart "
        "where nothing coordinates, "
        "and a low, even line where one reader loads for all. An invisible line as high as the highest strategy shown "
        "keeps the axes of all columns the same.",
        [target(in_a_second(READS), "{{strategy}}"), axis_target(f"max({in_a_second(READS, where=SHOWN)})")],
        "suffix:/s",
        custom={"fillOpacity": 35},
    )


def _latency() -> Json:
    return time_series(
        "$strategy: latency",
        "From request to answer in the service, for the answers of each second. Of some dozens of answers p99 is the "
        "slowest and p95 the third: noisy, but they stand right below the needle that caused them, which a wider "
        "window would hide. Expect p95 to jump to the origin's latency at each expiry of the hot key, unless somebody "
        "refreshes it in the background; p99 shows the misses of the cold keys too. The axes are the same, as above.",
        [
            *(
                target(quantile(share, DURATION), f"{{{{strategy}}}} p{share * 100:g}", ref)
                for share, ref in ((0.5, "A"), (0.95, "B"), (0.99, "C"))
            ),
            axis_target(f"max({quantile(0.99, DURATION, where=SHOWN)})"),
        ],
        "s",
        height=9,
        legend={"displayMode": "table"},
        overrides=[
            override(" p50$", custom_lineStyle={"fill": "dot", "dash": [1, 4]}, custom_fillOpacity=0),
            override(" p95$", custom_fillOpacity=35),
            override(" p99$", custom_lineStyle={"fill": "dash", "dash": [3, 3]}, custom_fillOpacity=0),
        ],
    )


def _misses() -> Json:
    return time_series(
        "Misses per second",
        "Requests that had to read the origin themselves, in each second. Expect a comb of needles for the strategies "
        "that let every reader through, and next to nothing for those that collapse or refresh.",
        [target(in_a_second("lab_requests_total", where=f'status="miss", {CHOSEN}'), "{{strategy}}")],
        "suffix:/s",
        height=9,
    )


def _miss_ratio() -> Json:
    misses = in_a_second("lab_requests_total", where=f'status="miss", {CHOSEN}')
    return time_series(
        "Miss ratio",
        "The share of each second's answers that were misses. Expect it to look harmless on average and bad in the "
        "second of an expiry: that is why hit rates mislead.",
        [target(f"{misses} / {in_a_second('lab_requests_total')}", "{{strategy}}")],
        "percentunit",
        height=9,
        legend={"calcs": ["mean", "max"]},
    )


def _p99() -> Json:
    return time_series(
        "p99 of the last 10 s",
        "From request to answer in the service. Not a needle but a trend: over enough answers for a p99 to mean what "
        "it says. Expect the origin's latency where more than one answer in a hundred waits for it, and next to "
        "nothing where nobody does.",
        [target(quantile(0.99, DURATION, window="10s"), "{{strategy}}")],
        "s",
        height=9,
        custom={"fillOpacity": 0, "lineWidth": 2},
    )


def _statuses() -> Json:
    answers = "lab_requests_total"
    return time_series(
        "$strategy: answers",
        "How each second's answers were made. hit: fresh from the cache; stale: past its TTL while somebody "
        "refreshes; collapsed: waited for another's load; miss: read the origin itself; shed, error: 503. Expect the "
        "hits to dip at each expiry, and the colour in the dip to tell the strategies apart.",
        [
            target(in_a_second(answers, "status", f'status="hit", {CHOSEN}'), "{{status}}"),
            target(in_a_second(answers, "status", f'status!="hit", {CHOSEN}'), "{{status}}", "B"),
        ],
        "percent",
        custom={"stacking": {"mode": "percent", "group": "A"}, "fillOpacity": 80, "lineWidth": 0},
        overrides=colors(STATUS_COLORS),
        legend={"calcs": []},
    )


def _ages() -> Json:
    return time_series(
        "Age of the oldest answers",
        "How long ago the origin was read, for the oldest 1 % of the last 30 s: staleness is a cost as latency is. "
        "Expect the TTL; more where old answers are served for a while, or where some entries live longer.",
        [target(quantile(0.99, "lab_answer_age_seconds", window="30s"), "{{strategy}}")],
        "s",
        height=9,
        custom={"fillOpacity": 0, "lineWidth": 2},
    )


def _pool() -> Json:
    return time_series(
        "Reads in flight, in the busiest pod",
        "The most reads that one pod had in flight or waiting at once, within 2 s, against the connections of a pod's "
        "pool. Expect needles where a herd gets through; at the dashed line the pool is exhausted, reads queue, and "
        "latency grows for all.",
        [
            target(f"max by (strategy) (lab_origin_reads_in_flight_peak{{{CHOSEN}}})", "{{strategy}}"),
            target(f"max(lab_origin_connections{{{CHOSEN}}})", "capacity", "B"),
        ],
        "suffix:reads",
        height=9,
        overrides=[bound("capacity")],
    )


def _lock_waits() -> Json:
    return time_series(
        "Lock waits",
        "Time that pods spent waiting for another pod's load, in each second, all waits added up; a refresh behind "
        "the scenes waits too, but nobody waits for it. Expect nothing where nothing is locked, and up to the "
        "origin's latency per expiry and waiting pod where one pod loads for all.",
        [target(in_a_second("lab_lock_wait_seconds_sum"), "{{strategy}}")],
        "s",
        height=9,
    )
