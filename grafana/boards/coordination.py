"""What the remedies cost: at Redis, in locks and at the origin, pod by pod."""

from grafana.boards.board import POD, STRATEGY, Json, make_board
from grafana.boards.panels import WHY_COLORS, bound, colors, target, text, time_series
from grafana.boards.queries import CHOSEN, in_a_second, quantile

ON_PODS = 'pod=~"$pod"'
COMMANDS = "lab_cache_commands_total"
POINTS = {"drawStyle": "points", "showPoints": "always", "pointSize": 4}
"""For what does not happen in every second."""

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
            ("Redis", [_commands_per_request(), _commands(), _batch(), _failures(), _corrupt()]),
            ("Locks", [_locks("true"), _locks("false"), _lock_wait(), _refused()]),
            ("Origin", [_reads_by_why(), _read_duration(), _queue(), _read_failures()]),
            (
                "Pods",
                [
                    _answers_by_pod(),
                    _refusals_by_pod(),
                    _reads_by_pod(),
                    _in_flight_by_pod(),
                    _away_by_pod(),
                    _connections(),
                    _up(),
                ],
            ),
        ],
        [STRATEGY, POD],
    )


def _commands_per_request() -> Json:
    ratio = f"{in_a_second(COMMANDS, 'pod', ON_PODS)} / {in_a_second('lab_requests_total', 'pod', ON_PODS)}"
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
        [target(in_a_second(COMMANDS, "command", ON_PODS), "{{command}}")],
        "suffix:/s",
        legend={"calcs": ["mean"]},
    )


def _batch() -> Json:
    histogram = "lab_cache_read_batch_keys"
    mean = f"{in_a_second(f'{histogram}_sum', '', ON_PODS)} / {in_a_second(f'{histogram}_count', '', ON_PODS)}"
    return time_series(
        "Keys per read of Redis",
        "Reads that come in the same moment leave as one MGET. Expect about 1 under a light load, and more the busier "
        "a pod is: that is what keeps a cache hit cheap.",
        [target(mean, "mean"), target(quantile(0.99, histogram, "", ON_PODS), "p99", "B")],
        "suffix:keys",
        legend={"calcs": ["mean", "max"]},
    )


def _failures() -> Json:
    return time_series(
        "Failed commands",
        "Commands that Redis did not answer in time, or refused. Expect zero; anything else is an outage or a full "
        "cache, and what the strategies make of it shows in the other panels.",
        [target(in_a_second("lab_cache_failures_total", "command", ON_PODS), "{{command}}")],
        "suffix:/s",
        width=12,
    )


def _corrupt() -> Json:
    return time_series(
        "Corrupt entries",
        "Stored bytes that are no entry: cut short, or of another version. Each counts as a miss. Expect zero.",
        [target(in_a_second("lab_cache_corrupt_entries_total", "pod", ON_PODS), "{{pod}}")],
        "suffix:/s",
        width=12,
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
        [target(in_a_second("lab_lock_requests_total", where=f'taken="{taken}", {CHOSEN}'), "{{strategy}}")],
        "suffix:/s",
        width=6,
        height=9,
    )


def _lock_wait() -> Json:
    return time_series(
        "Waits for another pod",
        "The longest 1 % of the waits that ended in each second; gaps are seconds without a wait. Expect them to be "
        "as long as the rest of a read of the origin; a wait as long as the lease means that a holder died.",
        [target(quantile(0.99, "lab_lock_wait_seconds"), "{{strategy}}")],
        "s",
        width=6,
        height=9,
        custom=POINTS,
    )


def _refused() -> Json:
    return time_series(
        "Writes refused",
        "Entries that were not stored: their lock had passed to somebody else, or the cache was full. Expect zero; a "
        "refused write is the fence at work, and keeps an old value from replacing a newer one.",
        [target(in_a_second("lab_writes_refused_total"), "{{strategy}}")],
        "suffix:/s",
        width=6,
        height=9,
    )


def _reads_by_why() -> Json:
    return time_series(
        "Origin reads by reason",
        "Reads that got a connection, the chosen strategies together. miss: there was nothing to answer with; "
        "refresh: the entry was stale; early: it was still fresh. Expect needles of misses where nothing coordinates, "
        "and the line of what was asked for on top of them: where it is higher, reads wait or were shed.",
        [
            target(in_a_second("lab_origin_reads_total", "why"), "{{why}}"),
            target(in_a_second("lab_origin_asked_total", ""), "asked for", "B"),
        ],
        "suffix:/s",
        width=6,
        height=9,
        overrides=colors(WHY_COLORS),
    )


def _read_duration() -> Json:
    return time_series(
        "Time of a read, queueing included",
        "The p99 of the reads that ended in each second. Expect the origin's own latency; what is above it is time "
        "spent waiting for a connection.",
        [target(quantile(0.99, "lab_origin_read_duration_seconds"), "{{strategy}}")],
        "s",
        width=6,
        height=9,
        custom=POINTS,
    )


def _queue() -> Json:
    return time_series(
        "Readers waiting for a connection",
        "Sampled once a second, so a short queue can fall between two looks. Expect zero until a herd is larger than "
        "a pod's pool; then a plateau that drains at the pool's capacity.",
        [target(f"sum by (strategy) (lab_origin_readers_waiting{{{CHOSEN}}})", "{{strategy}}")],
        "suffix:reads",
        width=6,
        height=9,
    )


def _read_failures() -> Json:
    return time_series(
        "Reads that failed or were shed",
        "failed: the origin gave no answer, or none in time; shed: so many waited for a connection already that it was "
        "not even asked. Expect zero.",
        [
            target(in_a_second("lab_origin_failures_total"), "{{strategy}} failed"),
            target(in_a_second("lab_origin_shed_total"), "{{strategy}} shed", "B"),
        ],
        "suffix:/s",
        width=6,
        height=9,
    )


def _answers_by_pod() -> Json:
    return time_series(
        "Answers per second",
        "By pod, the chosen strategies together. Expect equal shares; a line that ends is a pod that is gone.",
        [target(in_a_second("lab_requests_total", "pod"), "{{pod}}")],
        "suffix:/s",
    )


def _refusals_by_pod() -> Json:
    return time_series(
        "Requests turned away",
        "Answers 503, by pod: shed at a bound (too many waiters, too long a wait), or an error of the origin. Expect "
        "zero.",
        [target(in_a_second("lab_requests_total", "pod", f'status=~"shed|error", {CHOSEN}'), "{{pod}}")],
        "suffix:/s",
    )


def _reads_by_pod() -> Json:
    return time_series(
        "Origin reads per second",
        "By pod, the chosen strategies together. Expect every pod to take part in a herd; collapsing in a pod alone "
        "still leaves one read per pod.",
        [target(in_a_second("lab_origin_reads_total", "pod"), "{{pod}}")],
        "suffix:/s",
    )


def _in_flight_by_pod() -> Json:
    return time_series(
        "Reads in flight, in the busiest pool",
        "The most reads that a strategy had in flight or waiting at once in each pod, within 2 s, against the "
        "connections of its pool. Expect needles, and all of them below the dashed line.",
        [
            target(f"max by (pod) (lab_origin_reads_in_flight_peak{{{CHOSEN}}})", "{{pod}}"),
            target(f"max(lab_origin_connections{{{CHOSEN}}})", "capacity", "B"),
        ],
        "suffix:reads",
        overrides=[bound("capacity")],
    )


def _away_by_pod() -> Json:
    return time_series(
        "Without a cache",
        "1 while a pod leaves Redis alone for a moment, because it did not answer. Expect zero; while it is 1 the pod "
        "collapses requests by itself, and the origin sees up to one read per pod and key.",
        [target(f"max by (pod) (lab_cache_away{{{ON_PODS}}})", "{{pod}}")],
        "none",
        defaults={"decimals": 0},
    )


def _connections() -> Json:
    open_, most = f"max by (pod) (lab_connections_open{{{ON_PODS}}})", f"min(lab_connections_max{{{ON_PODS}}})"
    return time_series(
        "Open connections, and refused ones",
        "Connections of clients in each pod, against the most that a pod takes; one more is answered 503 and closed. "
        "Expect a level line far below the dashed one, and none refused.",
        [
            target(open_, "{{pod}}"),
            target(most, "capacity", "B"),
            target(in_a_second("lab_connections_refused_total", "pod", ON_PODS), "{{pod}} refused", "C"),
        ],
        "none",
        overrides=[bound("capacity")],
    )


def _up() -> Json:
    return time_series(
        "Processes that answer",
        "How many of each kind were scraped. Expect a level line; a step down is a process that died or was removed.",
        [target("sum by (job) (up)", "{{job}}")],
        "none",
        custom={"lineInterpolation": "stepAfter"},
        defaults={"decimals": 0},
        legend={"calcs": ["min", "lastNotNull"]},
    )
