"""The dashboard of an outage: what clients get, what the origin bears, what the nets hold, and the way back."""

from grafana.boards.board import STRATEGY, Json, make_board
from grafana.boards.panels import bound, colors, override, stat, steps, target, text, time_series
from grafana.boards.queries import CHOSEN, level, newest, percentile, shown, shown_by
from grafana.boards.story import BARS, firing

SENT = "strategy:lab_load_requests:increase1s"
GOOD = 'code=~"200|404"'
BAD = 'code!~"200|404"'
CODE_COLORS = {"0": "#FFFFFF", "429": "#F0E442", "500": "#D55E00", "502": "#D55E00", "503": "#CC79A7", "504": "#E69F00"}
STEPPED = {"lineInterpolation": "stepAfter"}
NAMED = {"textMode": "value_and_name", "text": {"titleSize": 12, "valueSize": 20}}

HOW_TO_READ = """\
Break something (`make break KIND=redis-killed`; `make break` lists what there is) and read downwards: what \
**clients** get, the **origin** bears, the **nets** hold, the **cache** does. Good answers stay level where a strategy \
and its nets carry the load. They dip and come back with the fault, or dip and **stay away**: then retries keep it \
down. Red spans are faults on purpose.
"""


def board() -> Json:
    return make_board(
        "outage",
        "Outage",
        "What clients, origin and nets do while something is broken, and whether it all comes back.",
        [
            ("", [text("How to read this", HOW_TO_READ, height=4, width=12), _broken(), firing(width=6)]),
            ("What clients get", [_goodput(), _failed(), _latency()]),
            ("Who tries again", [_retries(), _gave_up()]),
            ("What the origin bears", [_reads(), _failures(), _in_flight()]),
            ("What the nets hold", [_nets(), _breakers(), _limits()]),
            ("What the cache does", [_away(), _cache_failures(), _unstored()]),
            ("The way back", [_since_a_failure(), _failed_of_late(), _worst_second()]),
        ],
        [STRATEGY],
    )


def _broken() -> Json:
    return stat(
        "Broken on purpose, now",
        "The faults that `lab break` or a scenario's plan keeps up, by name. Its beginning and its end are the red "
        "spans of all panels; each is undone by itself.",
        [target("max by (fault) (last_over_time(lab_fault[5s]))", "{{fault}}")],
        "none",
        width=6,
        defaults={"noValue": "nothing"} | steps((None, "red")),
        options={"textMode": "name", "colorMode": "value", "text": {"valueSize": 18}},
    )


def _goodput() -> Json:
    each = f"max(lab_load_target_rate) / (count({level('strategy:lab_strategy_info:asked', '')}) > 0)"
    return time_series(
        "Good answers",
        "Answers of each second that are good, 200 or 404, by strategy. Expect a level line at what each is sent, the "
        "dashed one. A dip that ends with the fault is a strategy that comes back; one that outlasts it is not.",
        [target(shown_by("strategy", SENT, f"{GOOD}, {CHOSEN}"), "{{strategy}}"), target(each, "sent to each", "B")],
        "suffix:/s",
        height=9,
        custom={"fillOpacity": 0, "lineWidth": 2},
        overrides=[bound("sent to each")],
        legend={"calcs": ["min"]},
    )


def _failed() -> Json:
    return time_series(
        "Failed answers by code",
        "Answers of each second that are not good, the chosen strategies together. 503: turned away, or no answer to "
        "be had; 429: beyond a rate limit; 500: the service is at fault; 0: nothing answered. Expect none, and while "
        "something is broken 503 that came quickly rather than 0 that came late.",
        [target(f"{shown_by('code', SENT, f'{BAD}, {CHOSEN}')} > 0", "{{code}}")],
        "suffix:/s",
        height=9,
        custom=BARS | {"stacking": {"mode": "normal", "group": "A"}},
        defaults={"noValue": "none"},
        overrides=colors(CODE_COLORS),
    )


def _latency() -> Json:
    return time_series(
        "p99 seen by the clients",
        "From the moment a request was meant to be sent to its last answer, for the answers of each second. Expect a "
        "time-out's length while Redis is away without a reply, and a load's while it refuses; what climbs on is a "
        "queue that nothing bounds.",
        [target(percentile(0.99, "lab_load_latency_seconds"), "{{strategy}}")],
        "s",
        height=9,
        custom={"fillOpacity": 0},
    )


def _retries() -> Json:
    return time_series(
        "Retries",
        "Attempts of each second beyond a request's first, by strategy. Expect none while all is well; retries that "
        "are jittered come as a hill, others as waves one back-off apart, and where they outlast the fault they keep "
        "it up.",
        [target(f"{shown('strategy:lab_load_retries:increase1s')} > 0", "{{strategy}}")],
        "suffix:/s",
        width=12,
        height=7,
        custom=BARS,
        defaults={"noValue": "off, or none needed: the scenario's [client] says whether clients try again"},
    )


def _gave_up() -> Json:
    return time_series(
        "Requests given up",
        "Requests of each second whose client stopped waiting, by strategy; the service goes on with them. Expect "
        "none; where they go on after the fault, the origin works for nobody.",
        [target(f"{shown('strategy:lab_load_gave_up:increase1s')} > 0", "{{strategy}}")],
        "suffix:/s",
        width=12,
        height=7,
        custom=BARS,
        defaults={"noValue": "off, or none: the scenario's [client] says how long clients wait"},
    )


def _reads() -> Json:
    return time_series(
        "Origin reads",
        "Reads that the origin got in each second, by strategy. Expect needles at expiries; while Redis is away a read"
        " for each pod and key where a pod collapses its own loads, and one for every request where it does not.",
        [target(shown("strategy:lab_origin_reads:increase1s"), "{{strategy}}")],
        "suffix:/s",
        custom={"fillOpacity": 0},
    )


def _failures() -> Json:
    return time_series(
        "Reads that failed or were shed",
        "Reads that the store failed or that took too long, and those that a full queue turned away, in each second. "
        "Expect none; while the origin fails a probe's few where nets hold, and as many as there are requests where "
        "nothing does.",
        [
            target(f"{shown('strategy:lab_origin_failures:increase1s')} > 0", "{{strategy}} failed"),
            target(f"{shown('strategy:lab_origin_shed:increase1s')} > 0", "{{strategy}} shed", "B"),
        ],
        "suffix:/s",
        custom=BARS | {"stacking": {"mode": "normal", "group": "A"}},
        defaults={"noValue": "none"},
    )


def _in_flight() -> Json:
    return time_series(
        "Reads in flight or waiting",
        "The most in the busiest pod, within 2 s, against the connections of a pod's pool. Expect them below the "
        "dashed line; at it every further read takes longer than the origin does, time-outs come next, and retries "
        "after them.",
        [
            target(shown("strategy:lab_origin_reads_in_flight_peak:max"), "{{strategy}}"),
            target(f"max(lab_origin_connections{{{CHOSEN}}})", "capacity", "B"),
        ],
        "suffix:reads",
        overrides=[bound("capacity")],
    )


def _nets() -> Json:
    return time_series(
        "Answers in which a net had a part",
        "In each second, by net, the chosen strategies together: an old answer instead of an error, a request turned "
        "away before it cost anything, a failure that was shared. Expect none while all is well, and while something "
        "is broken as many as there would be failed or slow answers without.",
        [target(f"{shown_by('net', 'strategy_net:lab_net_acts:increase1s')} > 0", "{{net}}")],
        "suffix:/s",
        custom=BARS | {"stacking": {"mode": "normal", "group": "A"}},
        defaults={"noValue": "no net had to act"},
    )


def _breakers() -> Json:
    return time_series(
        "Circuit breakers",
        "The state of each strategy's breaker round the origin, in the pod where it is most open: 0 closed, 1 half-"
        "open, which lets probes through, 2 open. Expect 0; steps between 1 and 2 while the origin fails, and 0 after "
        "the first probes that succeed.",
        [target(shown("strategy:lab_net_breaker_state:max"), "{{strategy}}")],
        "none",
        custom=STEPPED | {"fillOpacity": 0},
        defaults={"decimals": 0, "max": 2, "noValue": "off: LAB_NETS states no breaker"},
    )


def _limits() -> Json:
    return time_series(
        "Adaptive limit of loads",
        "The highest limit of a pod, and the loads under way that it counts. Expect the limit to fall where loads take"
        " longer or fail, and to rise again when the origin is well.",
        [
            target(shown("strategy:lab_net_limit:max"), "{{strategy}} limit"),
            target(shown("strategy:lab_net_loads_under_way:max"), "{{strategy}} under way", "B"),
        ],
        "none",
        custom={"fillOpacity": 0},
        defaults={"noValue": "off: LAB_NETS states no limit"},
        overrides=[override(" limit$", custom_lineStyle={"fill": "dash", "dash": [8, 6]})],
    )


def _away() -> Json:
    return time_series(
        "Redis is away, by pod",
        "Pods that do without Redis, one on the other: it did not answer in time, or is none that the lab can use. "
        "Expect none; all at once where Redis is broken, one alone where the pod itself is too busy to hear it.",
        [target(shown("pod:lab_cache_away:max", ""), "{{pod}}")],
        "none",
        custom=STEPPED | {"stacking": {"mode": "normal", "group": "A"}, "fillOpacity": 60},
        defaults={"decimals": 0},
    )


def _cache_failures() -> Json:
    return time_series(
        "Redis commands that failed",
        "In each second, by pod: no reply in time, a connection that broke, or a reply that refuses. Expect none; a "
        "few a second while Redis is away, for a pod that knows it asks only now and then; many where it refuses what "
        "is to be stored.",
        [target(shown("pod:lab_cache_failures:increase1s", ""), "{{pod}}")],
        "suffix:/s",
        custom=BARS,
    )


def _unstored() -> Json:
    return time_series(
        "Loads without the cache",
        "Loads in each second whose item only those got who waited for it, by pod. Expect none; all of them while "
        "Redis is away, whose number is what the origin bears for it.",
        [target(shown("pod:lab_loads_unstored:increase1s", ""), "{{pod}}")],
        "suffix:/s",
        custom=BARS,
    )


def _since_a_failure() -> Json:
    return stat(
        "Seconds since an answer failed",
        "By strategy, of the last five minutes. What counts up since the fault ended has come back; what stays at "
        "nothing has not.",
        [target(f"time() - {newest('strategy:lab_load_requests:last_failed')}", "{{strategy}}")],
        "s",
        width=8,
        defaults={"decimals": 0, "noValue": "none failed"},
        options=NAMED,
    )


def _failed_of_late() -> Json:
    return stat(
        "Failed answers, last 5 minutes",
        "By strategy: what the clients of each paid for the fault.",
        [target(newest("strategy:lab_load_requests:failed_5m"), "{{strategy}}")],
        "none",
        width=8,
        defaults={"decimals": 0, "noValue": "none"},
        options=NAMED,
    )


def _worst_second() -> Json:
    return stat(
        "Worst second, last 5 minutes",
        "The fewest good answers that a strategy gave within two seconds, as a share of its median ones.",
        [target(newest("strategy:lab_load_requests:worst_second_5m"), "{{strategy}}")],
        "percentunit",
        width=8,
        defaults={"decimals": 0, "noValue": "–"},
        options=NAMED,
    )
