"""The dashboard of the load: Locust's requests and answers, and whether it kept to its schedule."""

from grafana.boards.board import STRATEGY, Json, make_board
from grafana.boards.panels import bound, stat, steps, target, text, time_series
from grafana.boards.queries import percentile, shown, shown_by
from grafana.boards.story import firing, must_be_zero

SENT = "strategy:lab_load_requests:increase1s"
LATENESS = "le:lab_load_lateness_seconds:increase1s"

HOW_TO_READ = """\
A generator that is out of breath sends less, and later, and so makes a slow server look well. Before believing any \
latency look here: the **achieved** rate is the target, **lateness** is a few milliseconds, and no sender uses all of \
its **CPU**. Latency counts from the moment a request was *meant* to be sent.
"""


def board() -> Json:
    return make_board(
        "load",
        "Load",
        "What the load generator sends and sees, and whether it kept up.",
        [
            ("", [text("How to read this", HOW_TO_READ, height=3)]),
            ("The last minute", [_share(), _target(), _users(), _lateness_tile(), _cpu_tile(), _unsent_tile()]),
            ("", [must_be_zero(width=17), firing(width=7)]),
            ("Sent", [_rates(), _rate_by_strategy(), _users_by_process()]),
            ("Is the generator well?", [_lateness(), _cpu()]),
            ("Seen", [_latency(), _codes()]),
        ],
        [STRATEGY],
    )


def _share() -> Json:
    # a rate divides by the time between the samples that it finds; the newest second's may still be on its way
    meant = "avg_over_time((max(lab_load_target_rate))[1m:1s])"
    return stat(
        "Achieved of the target",
        "Requests that were answered in the last minute over those that were meant to be. Under 99 % nothing else "
        "here is a result.",
        [target(f"sum(rate(lab_load_requests_total[1m])) / ({meant} > 0)", "share")],
        "percentunit",
        defaults={"decimals": 1, "noValue": "no target"} | steps((None, "red"), (0.99, "green")),
    )


def _target() -> Json:
    return stat(
        "Target",
        "Requests per second that all senders together are to send; 0 while answers set the pace, or no test runs.",
        [target("max(lab_load_target_rate)", "target")],
        "suffix:/s",
    )


def _users() -> Json:
    return stat("Users", "Users at work, in all senders.", [target("sum(lab_load_users)", "users")], "none")


def _lateness_tile() -> Json:
    return stat(
        "Lateness, p99",
        "How much later than meant the latest 1 % of the last minute's requests were sent. Tens of milliseconds are a "
        "generator at its limit.",
        [target("histogram_quantile(0.99, sum by (le) (increase(lab_load_lateness_seconds_bucket[1m])))", "lateness")],
        "s",
        defaults=steps((None, "green"), (0.05, "orange"), (0.25, "red")),
    )


def _cpu_tile() -> Json:
    return stat(
        "Busiest sender's CPU",
        "Of one core, mean of the last minute. Near 100 %, or near the limit of its container, it cannot send more.",
        [target("max(rate(lab_load_cpu_seconds[1m]))", "CPU")],
        "percentunit",
        defaults={"decimals": 0},
    )


def _rates() -> Json:
    return time_series(
        "Target and achieved",
        "Requests answered in each second, against the rate that is meant. Expect them to swing around the dashed "
        "line: a stall shows as a hole, and as a hill where the load catches up.",
        [
            target(shown_by("", SENT, ""), "achieved"),
            target("max(lab_load_target_rate)", "target", "B"),
        ],
        "suffix:/s",
        overrides=[bound("target")],
        legend={"calcs": ["mean", "max"]},
    )


def _rate_by_strategy() -> Json:
    return time_series(
        "Achieved by strategy",
        "Requests answered in each second. Expect equal shares: every strategy gets the same traffic.",
        [target(shown_by("strategy", SENT), "{{strategy}}")],
        "suffix:/s",
        legend={"calcs": ["mean", "max"]},
    )


def _users_by_process() -> Json:
    return time_series(
        "Users by sender",
        "Users at work in each process. Expect an even split, and all of them from the first second.",
        [target("max by (pod) (lab_load_users)", "{{pod}}")],
        "none",
        defaults={"decimals": 0},
        legend={"calcs": ["lastNotNull", "max"]},
    )


def _lateness() -> Json:
    return time_series(
        "Lateness",
        "How much later than meant the requests of each second were sent. Expect milliseconds; hills are a generator "
        "out of breath, or users who still wait for the answer before.",
        [
            target(f"histogram_quantile({share}, {shown_by('le', LATENESS, '')})", f"p{share * 100:g}", ref)
            for share, ref in ((0.99, "A"), (0.5, "B"))
        ],
        "s",
        width=12,
    )


def _cpu() -> Json:
    return time_series(
        "CPU by sender",
        "Of one core, in each second. Expect a level line well under 100 % and under the limit of the container; at "
        "either the generator is what is measured, and more senders are needed.",
        [target(shown("pod:lab_load_cpu_seconds:increase1s", ""), "{{pod}}")],
        "percentunit",
        legend={"calcs": ["mean", "max"]},
    )


def _latency() -> Json:
    return time_series(
        "p99 seen by the clients",
        "From the moment a request was meant to be sent to its answer, for the answers of each second. Expect the "
        "service's own p99 plus some milliseconds; more means that requests wait before the service sees them.",
        [target(percentile(0.99, "lab_load_latency_seconds"), "{{strategy}}")],
        "s",
        height=9,
    )


def _codes() -> Json:
    return time_series(
        "Answers by code",
        "In each second, the chosen strategies together. Expect 200 only; 503 is a request that the service turned "
        "away, 0 one that got no answer.",
        [target(shown_by("code", SENT), "{{code}}")],
        "suffix:/s",
        height=9,
    )


def _unsent_tile() -> Json:
    return stat(
        "Never sent",
        "Requests of this test that were due and not sent, because as many were on their way as may be. Expect zero.",
        [target("sum(lab_load_not_sent)", "not sent")],
        "none",
        defaults={"decimals": 0, "noValue": "0"} | steps((None, "green"), (1, "red")),
    )
