"""The panels of an expiry, for every dashboard that shows one."""

from grafana.boards.board import Json
from grafana.boards.panels import (
    STATUS_COLORS,
    axis_target,
    bound,
    colors,
    heatmap,
    override,
    stat,
    steps,
    target,
    time_series,
)
from grafana.boards.queries import chosen, level, newest, percentile, shown, shown_by

READS = "strategy:lab_origin_reads:increase1s"
EXPECTED = "strategy:lab_origin_reads:expected"
ANSWERS = "strategy:lab_requests:increase1s"
DURATION = "lab_request_duration_seconds"
AGE = "strategy:lab_answer_age_seconds:p99_30s"
NOT_HIT_SHARE_SHOWN = 0.3
BASELINE_S = 'strategy="$baseline"'
BARS = {"drawStyle": "bars", "lineWidth": 0, "fillOpacity": 90, "barWidthFactor": 1}
"""The style of series whose every second is a bar, so that one second is seen."""


def needles(title: str, width: int, height: int, of: str = "strategy") -> Json:
    """The panel of a strategy's origin reads, with theory's line, on an axis that all strategies share.

    `of` is the variable that chooses the strategy.
    """
    return time_series(
        title,
        "Reads that the origin got in each second, over all pods; what was shed is none. Expect needles one TTL apart "
        "where nothing coordinates, about as high as the dashed line, and a low, even line where one reader loads for "
        "all. The line is theory for one hot key that nobody guards: 1 + λL, its requests per second times the seconds "
        "that a read takes, both as measured; a needle on the border of two seconds is split between them. An "
        "invisible line as high as the highest strategy keeps the axes the same.",
        [
            target(shown(READS, chosen(of)), "{{strategy}}"),
            target(f"max({level(EXPECTED, BASELINE_S)})", "1 + λL", "B"),
            axis_target(f"max({shown(READS, '')})"),
        ],
        "suffix:/s",
        width=width,
        height=height,
        custom=BARS,
        overrides=[bound("1 .+ λL", custom_drawStyle="line")],
        legend={"showLegend": False},
    )


def not_hit(title: str, width: int, height: int, of: str = "strategy") -> Json:
    """The panel of a strategy's answers that were no hits, by status, as shares of all; `of` is the variable of it."""
    all_answers = shown_by("", ANSWERS, chosen(of))
    others = shown_by("status", ANSWERS, f'status!="hit", {chosen(of)}')
    return time_series(
        title,
        "The answers of each second that were not fresh from the cache, as a share of all. stale: past its TTL while "
        "somebody refreshes; collapsed: waited for another's load; miss: read the origin itself; shed, error: 503. "
        "Expect a peak at each expiry, and its colour to tell the strategies apart. The axis ends at 30 %.",
        [target(f"{others} / on () group_left () ({all_answers} > 0) > 0", "{{status}}")],
        "percentunit",
        width=width,
        height=height,
        custom=BARS | {"stacking": {"mode": "normal", "group": "A"}},
        defaults={"max": NOT_HIT_SHARE_SHOWN, "noValue": "nothing but hits"},
        overrides=colors(STATUS_COLORS),
        legend={"calcs": []},
    )


def waits(title: str, of: str, width: int, height: int) -> Json:
    """The heatmap of the latency of one strategy; `of` is the variable that chooses it."""
    return heatmap(
        title,
        "How many answers of each second took how long, from request to answer in the service. Expect a bright band "
        "of hits at the bottom, and above it a dot at each expiry, at the origin's latency, as bright as many had to "
        "wait.",
        shown_by("le", "strategy_le:lab_request_duration_seconds:increase1s", chosen(of)),
        "s",
        width=width,
        height=height,
    )


def percentiles(title: str, width: int, height: int) -> Json:
    """The panel of the chosen strategy's latency: p50, p95 and p99."""
    return time_series(
        title,
        "From request to answer in the service, for the answers of each second. Of some dozens of answers p99 is the "
        "slowest. Expect p95 to jump to the origin's latency at each expiry of the hot key, unless somebody refreshes "
        "it in the background; p99 shows the misses of the cold keys too.",
        [
            target(percentile(share / 100, DURATION), f"{{{{strategy}}}} p{share}", ref)
            for share, ref in ((50, "A"), (95, "B"), (99, "C"))
        ],
        "s",
        width=width,
        height=height,
        overrides=[
            override(" p50$", custom_lineStyle={"fill": "dot", "dash": [1, 4]}, custom_fillOpacity=0),
            override(" p95$", custom_fillOpacity=35),
            override(" p99$", custom_lineStyle={"fill": "dash", "dash": [3, 3]}, custom_fillOpacity=0),
        ],
    )


def ages(width: int, height: int) -> Json:
    return time_series(
        "Age of the oldest answers",
        "How long ago the origin was read, for the oldest 1 % of the last 30 s: staleness is a cost as latency is. "
        "Expect the TTL; more where old answers are served for a while, or where some entries live longer.",
        [target(level(AGE), "{{strategy}}")],
        "s",
        width=width,
        height=height,
        custom={"fillOpacity": 0, "lineWidth": 2},
    )


def must_be_zero(width: int = 24, height: int = 4) -> Json:
    """The panel of counts that must be 0, over the last five minutes."""
    return stat(
        "Must be zero, last 5 minutes",
        "Counted over the last five minutes, all strategies and pods together. Green is 0. A pod that is lost is one "
        "fewer than there were; what is shed was turned away at a bound, with 503; a write is refused when its lock "
        "has passed to somebody else, or Redis is full.",
        [target(newest("what:lab_must_be_zero:increase5m", ""), "{{what}}")],
        "none",
        width=width,
        height=height,
        defaults={"decimals": 0, "noValue": "not recorded yet"} | steps((None, "green"), (0.5, "red")),
        options={"textMode": "value_and_name", "colorMode": "background", "text": {"titleSize": 11, "valueSize": 18}},
    )


def firing(width: int, height: int = 4) -> Json:
    """The panel of the alerts that fire now, by name."""
    return stat(
        "Alerts that fire",
        "By name, with the strategy or pod that it is about. What each means, and what to do, is said by vmalert's own "
        "page (make up prints where it is), and by Grafana's, under Alerting. They are read from the series ALERTS, "
        "which whoever may look at a dashboard may see.",
        [
            target(
                'max by (alertname, strategy, pod) (ALERTS{alertstate="firing"})', "{{alertname}} {{strategy}} {{pod}}"
            )
        ],
        "none",
        width=width,
        height=height,
        defaults={"noValue": "none"} | steps((None, "red")),
        options={
            "textMode": "name",
            "colorMode": "value",
            "orientation": "horizontal",
            "justifyMode": "auto",
            "text": {"titleSize": 12, "valueSize": 12},
        },
    )
