"""The dashboard of what the mechanisms cost: at Redis, in locks and at the origin, pod by pod."""

from grafana.boards.board import POD, STRATEGY, Json, make_board
from grafana.boards.panels import WHY_COLORS, bound, colors, target, text, time_series
from grafana.boards.queries import CHOSEN, percentile, shown, shown_by
from grafana.boards.story import firing, must_be_zero

ON_PODS = 'pod=~"$pod"'
BATCH = "pod:lab_cache_read_batch_keys"
COMMANDS = "pod_command:lab_cache_commands:increase1s"
POINTS = {"drawStyle": "points", "showPoints": "always", "pointSize": 4}
"""The style of series that have no value in most seconds."""

HOW_TO_READ = """\
A remedy against herds is paid for in **commands** (a lock is a round trip more), in **waiting** (for whoever holds \
it), and in **failure modes** (a lock that is lost, a write that comes too late). Commands to Redis are shared by all \
strategies of a pod, so these panels go by pod; locks and reads belong to a strategy.
"""


def board() -> Json:
    return make_board(
        "coordination",
        "Coordination and origin",
        "What the remedies cost: Redis commands, locks, waits, queues and failures, by pod and by strategy.",
        [
            ("", [text("How to read this", HOW_TO_READ, height=3)]),
            ("", [must_be_zero(width=17), firing(width=7)]),
            ("Redis", [_commands_per_request(), _commands(), _batch()]),
            ("Locks", [_locks("true"), _locks("false"), _lock_wait()]),
            ("Origin", [_reads_by_reason(), _read_duration(), _queue()]),
            (
                "Pods",
                [
                    _answers_by_pod(),
                    _reads_by_pod(),
                    _in_flight_by_pod(),
                    _cpu_by_pod(),
                    _connections(),
                    _up(),
                ],
            ),
        ],
        [STRATEGY, POD],
    )


def _commands_per_request() -> Json:
    answers = shown_by("pod", "pod:lab_requests:increase1s", ON_PODS)
    ratio = f"{shown_by('pod', COMMANDS, ON_PODS)} / ({answers} > 0)"
    return time_series(
        "Redis commands per request",
        "Commands of all strategies over answers of all strategies, in each second. Expect a little under 1 where "
        "reads of one moment share an MGET, and a bump where locks are taken; several per request means that "
        "coordination costs more than the cache.",
        [target(ratio, "{{pod}}")],
        "none",
        legend={"calcs": ["mean", "max"]},
    )


def _commands() -> Json:
    return time_series(
        "Redis commands per second",
        "What is sent to Redis, by command. put and unlock give a lock back, set stores without one. Expect mget to "
        "dwarf the rest: coordination is rare, a few commands per expiry.",
        [target(shown_by("command", COMMANDS, ON_PODS), "{{command}}")],
        "suffix:/s",
        legend={"calcs": ["mean"]},
    )


def _batch() -> Json:
    return time_series(
        "Keys per read of Redis",
        "Reads that come in the same moment leave as one MGET. Expect about 1 under a light load, and more the busier "
        "a pod is: that is what keeps a cache hit cheap.",
        [
            target(
                f"{shown(f'{BATCH}_sum:increase1s', ON_PODS)} / ({shown(f'{BATCH}_count:increase1s', ON_PODS)} > 0)",
                "{{pod}}",
            )
        ],
        "suffix:keys",
        legend={"calcs": ["mean", "max"]},
    )


def _locks(taken: str) -> Json:
    title, expect = {
        "true": ("Locks taken", "Expect one for each expiry, whatever the traffic: these are the loads that remain."),
        "false": (
            "Locks found taken",
            "Expect at most one per pod and expiry, and some more while a waiter looks again: requests of one pod "
            "wait together. A steady stream means that somebody holds a lock for long.",
        ),
    }[taken]
    return time_series(
        title,
        f"Attempts at a key's lock, in each second. {expect}",
        [target(shown("strategy:lab_lock_requests:increase1s", f'taken="{taken}", {CHOSEN}'), "{{strategy}}")],
        "suffix:/s",
        width=8,
        height=8,
    )


def _lock_wait() -> Json:
    return time_series(
        "Waits for another pod",
        "The longest 1 % of the waits that ended in each second; gaps are seconds without a wait. Expect them to be "
        "as long as the rest of a read of the origin; a wait as long as the lease means that a holder died.",
        [target(percentile(0.99, "lab_lock_wait_seconds"), "{{strategy}}")],
        "s",
        width=8,
        height=8,
        custom=POINTS,
    )


def _reads_by_reason() -> Json:
    return time_series(
        "Origin reads by reason",
        "Reads that got a connection, the chosen strategies together. miss: there was nothing to answer with; "
        "refresh: the entry was stale; early: it was still fresh. Expect needles of misses where nothing coordinates, "
        "and the line of what was asked for on top of them: where it is higher, reads wait or were shed.",
        [
            target(shown_by("reason", "strategy_reason:lab_origin_reads:increase1s"), "{{reason}}"),
            target(shown_by("", "strategy:lab_origin_asked:increase1s"), "asked for", "B"),
        ],
        "suffix:/s",
        width=8,
        height=8,
        overrides=colors(WHY_COLORS),
    )


def _read_duration() -> Json:
    return time_series(
        "Time of a read, queueing included",
        "The p99 of the reads that ended in each second. Expect the origin's own latency; what is above it is time "
        "spent waiting for a connection.",
        [target(percentile(0.99, "lab_origin_read_duration_seconds"), "{{strategy}}")],
        "s",
        width=8,
        height=8,
        custom=POINTS,
    )


def _queue() -> Json:
    return time_series(
        "Readers waiting for a connection",
        "Sampled once a second, so a short queue can fall between two looks. Expect zero until a herd is larger than "
        "a pod's pool; then a plateau that drains at the pool's capacity.",
        [target(f"sum by (strategy) (lab_origin_readers_waiting{{{CHOSEN}}})", "{{strategy}}")],
        "suffix:reads",
        width=8,
        height=8,
    )


def _answers_by_pod() -> Json:
    return time_series(
        "Answers per second",
        "By pod, all strategies together. Expect equal shares; a line that ends is a pod that is gone.",
        [target(shown_by("pod", "pod:lab_requests:increase1s", ON_PODS), "{{pod}}")],
        "suffix:/s",
    )


def _reads_by_pod() -> Json:
    return time_series(
        "Origin reads per second",
        "By pod, all strategies together. Expect every pod to take part in a herd; collapsing in a pod alone "
        "still leaves one read per pod.",
        [target(shown("pod:lab_origin_reads:increase1s", ON_PODS), "{{pod}}")],
        "suffix:/s",
    )


def _in_flight_by_pod() -> Json:
    return time_series(
        "Reads in flight, in the busiest pool",
        "The most reads that a strategy had in flight or waiting at once in each pod, within 2 s, against the "
        "connections of its pool. Expect needles, and all of them below the dashed line. Where pods share connections, "
        "a second line says how many all of them have together.",
        [
            target(shown("pod:lab_origin_reads_in_flight_peak:max", ON_PODS), "{{pod}}"),
            target(f"max(lab_origin_connections{{{CHOSEN}}})", "capacity", "B"),
            target(f"max(lab_origin_connections_shared{{{CHOSEN}}})", "shared by all pods", "C"),
        ],
        "suffix:reads",
        overrides=[bound("capacity"), bound("shared by all pods")],
    )


def _cpu_by_pod() -> Json:
    return time_series(
        "CPU by pod",
        "Of one core, in each second. Expect a level line, and all pods alike; at the limit of its container a pod is "
        "held up, and every latency with it.",
        [target(shown("pod:lab_cpu_seconds:increase1s", 'pod=~"$pod"'), "{{pod}}")],
        "percentunit",
    )


def _connections() -> Json:
    return time_series(
        "Open connections",
        "Connections of clients in each pod, against the most that a pod takes; one more is answered 503 and closed. "
        "Expect a level line far below the dashed one.",
        [
            target(shown("pod:lab_connections_open:max", ON_PODS), "{{pod}}"),
            target("min(lab_connections_max)", "capacity", "B"),
        ],
        "none",
        overrides=[bound("capacity")],
    )


def _up() -> Json:
    return time_series(
        "Processes that answer",
        "1 for each process whose metrics could be read. Expect level lines; one that ends is a process that died or "
        "was removed, and `make ps` says by the same name what became of it.",
        [target("max by (pod) (up)", "{{pod}}")],
        "none",
        custom={"lineInterpolation": "stepAfter", "fillOpacity": 0},
        defaults={"decimals": 0},
        legend={"calcs": ["lastNotNull"]},
    )
