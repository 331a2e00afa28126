"""The dashboard of all strategies under the same load, one column each, the baseline first."""

import tomllib
from pathlib import Path

from grafana.boards.board import BASELINE, STRATEGY, Json, make_board
from grafana.boards.kinds import kind_rows, kind_variables
from grafana.boards.panels import bound, override, per_strategy, stat, target, text, time_series
from grafana.boards.queries import CHOSEN, newest, percentile, shown, shown_by
from grafana.boards.story import AGE, ANSWERS, DURATION, EXPECTED, ages, firing, must_be_zero, needles, not_hit, waits

README_SCENARIO = Path(__file__).parents[2] / "loadtest" / "scenarios" / "hot-key.toml"
PER_MINUTE = "strategy:lab_origin_reads:increase1m"
OF_BASELINE = 'strategy="$baseline"'


def board() -> Json:
    return make_board(
        "stampede",
        "Stampede",
        "What every cache strategy does at the moment an entry expires, side by side.",
        [
            ("", [text("How to read this", _how_to_read(), height=4, width=12), _gets()]),
            ("", [per_strategy(_tile())]),
            ("", [per_strategy(needles("$strategy: origin reads per second", width=24, height=5))]),
            ("", [per_strategy(not_hit("$strategy: answers that were no hits", width=24, height=5))]),
            ("", [_latency(), waits("Latency of $baseline, answers by how long they took", "baseline", 12, 5)]),
            ("", [must_be_zero(width=17), firing(width=7)]),
        ],
        [STRATEGY, BASELINE, *kind_variables()],
        more=[
            ("What it costs, and one over another", [_misses(), _miss_ratio(), ages(8, 8), _pool(), _lock_waits()]),
            *kind_rows(),
        ],
    )


def _how_to_read() -> str:
    told = tomllib.loads(README_SCENARIO.read_text(encoding="utf-8"))
    rate, latency_ms = told["load"]["rate_per_s"], float(told["origin"]["latency"].removeprefix("fixed(").rstrip(")"))
    needle = 1 + rate * told["keys"]["hot_share"] * latency_ms / 1000
    return (
        "Each **column** is a strategy, all with the same load and axes. When the hot entry expires, its readers all "
        "ask the slow origin (**a needle**), or one asks and the others wait (**collapsed**), or they get the old "
        "answer (**stale**). A needle is 1 + λL reads high, requests per second for the key times seconds of a read: "
        f"{needle:.0f} in README at {rate:g}/s, here as the tiles say."
    )


def _gets() -> Json:
    return stat(
        "What one strategy gets here, as measured, and all of it so far",
        "Requests per second for each strategy that is asked, the share of them for the most popular key, what a read "
        "of the origin takes, how long an entry is fresh, and the needle that follows from these: 1 + λL. Then "
        "everything since the pods started, all strategies together.",
        [
            target(f"avg({newest('strategy:lab_requests:rate30s')} > 0)", "requests/s"),
            target("max(lab_load_hottest_share)", "for the hot key", "B"),
            target(
                f"max({newest('strategy:lab_origin_read_duration_seconds:mean1m', OF_BASELINE)})", "a read takes", "C"
            ),
            target("max(lab_ttl_seconds)", "fresh for", "D"),
            target(f"max({newest(EXPECTED, OF_BASELINE)})", "needle, 1 + λL", "E"),
            target("sum(lab_requests_total)", "requests so far", "F"),
            target("sum(lab_origin_reads_total)", "reads so far", "G"),
        ],
        "none",
        width=12,
        defaults={"decimals": 0, "noValue": "–"},
        overrides=[
            override("^for the hot key$", unit="percentunit"),
            override("^a read takes$", unit="s"),
            override("^fresh for$", unit="s"),
            override("^needle", unit="suffix:reads"),
            override(" so far$", unit="short", decimals=1),
        ],
        options={"textMode": "value_and_name", "text": {"titleSize": 12, "valueSize": 20}},
    )


def _tile() -> Json:
    ratio = f"sum({newest(PER_MINUTE)}) / sum({newest(PER_MINUTE, OF_BASELINE)} > 0)"
    return stat(
        "$strategy",
        "Origin reads of the last minute, what that is of the baseline's, and how old the oldest answers were. Expect "
        "a small share for whatever coordinates, and the whole of it for what only spreads expiries where one key is "
        "hot.",
        [
            target(newest(PER_MINUTE), "reads/min"),
            target(ratio, "of $baseline", "B"),
            target(newest(AGE), "oldest answer", "C"),
        ],
        "none",
        height=3,
        defaults={"decimals": 0, "noValue": "–"},
        overrides=[override("^of ", unit="percentunit"), override("^oldest", unit="s", decimals=1)],
        options={"textMode": "value_and_name", "text": {"titleSize": 12, "valueSize": 24}},
    )


def _latency() -> Json:
    return time_series(
        "p95 of each second",
        "From request to answer in the service. Expect a spike up to the origin's latency at each expiry of the hot "
        "key, for all but those that refresh it behind a fresh or an old answer: their line stays at the bottom.",
        [target(percentile(0.95, DURATION), "{{strategy}}")],
        "s",
        width=12,
        height=5,
        custom={"fillOpacity": 0},
        legend={"placement": "right"},  # a list: a table of five has no room for the last
    )


def _misses() -> Json:
    return time_series(
        "Misses per second",
        "Requests that had to read the origin themselves, in each second. Expect a comb of needles for the strategies "
        "that let every reader through, and next to nothing for those that collapse or refresh.",
        [target(shown(ANSWERS, f'status="miss", {CHOSEN}'), "{{strategy}}")],
        "suffix:/s",
    )


def _miss_ratio() -> Json:
    misses = shown_by("strategy", ANSWERS, f'status="miss", {CHOSEN}')
    return time_series(
        "Miss ratio",
        "The share of each second's answers that were misses. Expect it to look harmless on average and bad in the "
        "second of an expiry: that is why hit rates mislead.",
        [target(f"{misses} / ({shown_by('strategy', ANSWERS)} > 0)", "{{strategy}}")],
        "percentunit",
        legend={"calcs": ["mean", "max"]},
    )


def _pool() -> Json:
    return time_series(
        "Reads in flight, in the busiest pod",
        "The most reads that one pod had in flight or waiting at once, within 2 s, against the connections of a pod's "
        "pool. Expect needles where a herd gets through; at the dashed line the pool is exhausted, reads queue, and "
        "latency grows for all. Where pods share connections, a second line says how many all of them have together.",
        [
            target(shown("strategy:lab_origin_reads_in_flight_peak:max"), "{{strategy}}"),
            target(f"max(lab_origin_connections{{{CHOSEN}}})", "capacity", "B"),
            target(f"max(lab_origin_connections_shared{{{CHOSEN}}})", "shared by all pods", "C"),
        ],
        "suffix:reads",
        width=12,
        overrides=[bound("capacity"), bound("shared by all pods")],
    )


def _lock_waits() -> Json:
    return time_series(
        "Lock waits",
        "Time that pods spent waiting for another pod's load, in each second, all waits added up; a refresh behind "
        "the scenes waits too, but nobody waits for it. Expect nothing where nothing is locked, and up to the "
        "origin's latency per expiry and waiting pod where one pod loads for all.",
        [target(shown("strategy:lab_lock_wait_seconds_sum:increase1s"), "{{strategy}}")],
        "s",
        width=12,
    )
