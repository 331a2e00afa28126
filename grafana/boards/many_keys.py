"""The dashboard of many keys that were written together, under a fixed TTL and under jitter."""

from grafana.boards.board import BASELINE, Json, make_board, strategy_variable
from grafana.boards.panels import axis_target, override, stat, target, text, time_series
from grafana.boards.queries import newest, percentile, shown, shown_by
from grafana.boards.story import ANSWERS, DURATION, READS, must_be_zero

OTHER = strategy_variable("other", "Against", "Which to compare with the baseline", 'baseline="false"')
EITHER = 'strategy=~"$baseline|$other"'
MISSES = f'status="miss", {EITHER}'
PER_MINUTE = "strategy:lab_origin_reads:increase1m"

HOW_TO_READ = """\
`make up SCENARIO=many-keys`: keys that were **written together expire together**. Under a fixed TTL their misses come \
in **waves**, one TTL apart; where every entry draws its own TTL the same misses are a **flat line** after a few TTLs. \
Compare the heights of the two panels: that is what the spread buys, the **peak**. It does not buy fewer misses: the \
20 % fewer that were published come from the longer mean TTL alone (10 to 15 s instead of 10), which a fixed TTL of \
12.5 s saves too. Waves fade where a key is asked for only now and then; an emptied Redis brings them back.
"""


def board() -> Json:
    return make_board(
        "many-keys",
        "Many keys",
        "Waves of misses under a fixed TTL, a flat line under one that is drawn: make up SCENARIO=many-keys.",
        [
            ("", [text("What to expect", HOW_TO_READ, height=5, width=14), _difference()]),
            ("", [_misses("baseline"), _misses("other")]),
            ("", [*(_percentile(share) for share in (50, 95, 99)), _miss_ratio()]),
            ("", [must_be_zero()]),
        ],
        [BASELINE, OTHER],
    )


def _difference() -> Json:
    def worst(variable: str) -> str:
        return f'max_over_time({READS}{{strategy="${variable}"}}[1m])'

    def all_of(variable: str) -> str:
        return newest(PER_MINUTE, f'strategy="${variable}"')

    return stat(
        "The last minute",
        "Misses in the worst second of the last minute and in all of it, of each of the two. Expect a much lower peak "
        "for what spreads its TTLs, and about as many misses in all where the mean TTL is the same.",
        [
            target(worst("baseline"), "$baseline: peak"),
            target(worst("other"), "$other: peak", "B"),
            target(all_of("baseline"), "$baseline: in all", "C"),
            target(all_of("other"), "$other: in all", "D"),
        ],
        "none",
        width=10,
        height=5,
        defaults={"decimals": 0, "noValue": "–"},
        overrides=[override("peak$", unit="suffix:/s")],
        options={"textMode": "value_and_name", "text": {"titleSize": 12, "valueSize": 24}},
    )


def _misses(variable: str) -> Json:
    return time_series(
        f"${variable}: misses per second",
        "Requests that had to read the origin themselves, in each second, on the same axis as the other panel. Expect "
        "waves one TTL apart under a fixed TTL, and a flat line of about their mean where TTLs are spread.",
        [
            target(shown(ANSWERS, f'status="miss", strategy="${variable}"'), "{{strategy}}"),
            axis_target(f"max({shown(ANSWERS, MISSES)})"),
        ],
        "suffix:/s",
        width=24,
        height=6,
        custom={"fillOpacity": 35},
        legend={"calcs": ["mean", "max"], "placement": "right", "displayMode": "table"},
    )


def _percentile(share: int) -> Json:
    expect = {
        50: "Expect next to nothing for both: most answers are hits.",
        95: "Expect it to rise in the waves only, where more than one answer in twenty is a miss.",
        99: "Expect the origin's latency wherever more than one answer in a hundred is a miss.",
    }[share]
    return time_series(
        f"p{share} of each second",
        f"From request to answer in the service. {expect}",
        [target(percentile(share / 100, DURATION, EITHER), "{{strategy}}")],
        "s",
        width=6,
        height=5,
        custom={"fillOpacity": 0},
        legend={"calcs": ["mean"]},
    )


def _miss_ratio() -> Json:
    misses = shown_by("strategy", ANSWERS, MISSES)
    return time_series(
        "Miss ratio",
        "The share of each second's answers that were misses. Expect the same mean for both, and waves for one.",
        [target(f"{misses} / ({shown_by('strategy', ANSWERS, EITHER)} > 0)", "{{strategy}}")],
        "percentunit",
        width=6,
        height=5,
        custom={"fillOpacity": 0},
        legend={"calcs": ["mean"]},
    )
