"""The columns of the league: figures of a run, each with its words and the reasons why a world may not have it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from loadtest.figures.run_summary import NEVER
from loadtest.report.cells import digits, percent, whole

_NO_CPU = "virtual time takes the CPU of a request from the scenario, which states none"
_UNCOUNTED = {
    "native": "a pod or Redis was restarted, and what it had counted before is not known",
    "virtual": "the simulated Redis did not count them",
}
_NO_TIME_BEFORE = "the run had no good time before the fault, or ended too soon after it"


def seconds(value: float) -> str:
    return NEVER if math.isinf(value) else f"{value:.1f}"


def up_to_tenths(value: float) -> str:
    """A count as a whole number, and a mean with one digit."""
    return f"{value:,.0f}" if value.is_integer() else f"{value:,.1f}"


@dataclass(frozen=True, slots=True)
class LeagueColumn:
    """One figure of a run as a column."""

    heading: str
    name: str
    """The figure's name in summary.json."""
    form: Callable[[float], str] = digits
    why_none: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The reason why a run of a world lacks it, by world."""

    brief: str = ""
    """The figure in a sentence, with braces in the place of its number; empty where it stands in none."""

    def reason(self, world: str) -> str:
        return self.why_none.get(world, "the run has no such figure")


READS = LeagueColumn("origin reads", "origin_reads", up_to_tenths)
STEADY = LeagueColumn(
    "peak, steady",
    "steady_peak_1s",
    up_to_tenths,
    dict.fromkeys(("native", "virtual"), "no read came after the cold start"),
)
COLD = LeagueColumn("peak, cold", "cold_peak_1s", up_to_tenths)
HERD = LeagueColumn(
    "loads per expiry",
    "stampedes.hot.mean",
    digits,
    dict.fromkeys(("native", "virtual"), "no key was asked for often enough to be hot"),
)
P50 = LeagueColumn("p50 ms", "p50_ms")
P99 = LeagueColumn("p99 ms", "p99_ms")
COMMANDS = LeagueColumn("commands/request", "commands_per_request", digits, _UNCOUNTED)
CPU = LeagueColumn("CPU us/request", "service_us", whole, {"virtual": _NO_CPU, "native": _UNCOUNTED["native"]})
OLDER = LeagueColumn("older than TTL %", "older_share", percent)
ERRORS = LeagueColumn("errors", "errors", whole)
WRONG = LeagueColumn("wrong answers", "wrong_answers", whole)
DURING = LeagueColumn("failed during", "failed_during", whole, brief="{} failed")
FAULT_READS = LeagueColumn("reads during", "under_trigger.reads", up_to_tenths, brief="{} reads")
AT_ONCE = LeagueColumn("loads at once", "under_trigger.loads_at_once", up_to_tenths)
FAULT_P99 = LeagueColumn("p99 during ms", "under_trigger.p99_ms")
LONGEST = LeagueColumn("longest ms", "under_trigger.longest_ms", brief="longest {} ms")
BACK = LeagueColumn(
    "back after s",
    "recovers_after_s",
    seconds,
    dict.fromkeys(("native", "virtual"), _NO_TIME_BEFORE),
    brief="back after {} s",
)
WORST_SECOND = LeagueColumn(
    "worst second %", "worst_second", percent, dict.fromkeys(("native", "virtual"), _NO_TIME_BEFORE)
)

CALM_COLUMNS = (READS, STEADY, COLD, HERD, P50, P99, COMMANDS, CPU, OLDER, ERRORS, WRONG)
"""The columns of a workload without a fault."""
FAULT_COLUMNS = (ERRORS, DURING, FAULT_READS, AT_ONCE, FAULT_P99, LONGEST, BACK, WORST_SECOND, OLDER, WRONG)
"""The columns of a workload with a fault."""
CALM_IN_SHORT = (READS, STEADY, P99, COMMANDS, ERRORS)
"""The figures of a workload without a fault that a terminal has room for."""
SHOWN_IN_SHORT = (DURING, FAULT_READS, LONGEST, BACK)
"""The figures of a fault that the table of all faults has."""
MORE_COLUMNS = (
    LeagueColumn("requests", "requests", whole),
    LeagueColumn("hit %", "hit_ratio", percent),
    LeagueColumn("age p99 s", "age_p99_s"),
    LeagueColumn("peak", "origin_peak_1s", up_to_tenths),
    LeagueColumn("reads failed", "origin_failed", whole),
    LeagueColumn("reads shed", "origin_shed", whole),
    LeagueColumn("memory MB", "memory_peak_mb", whole, {"virtual": "virtual time has no process"}),
    LeagueColumn("lateness p99 ms", "lateness_p99_ms", digits, {"virtual": "virtual time is never late"}),
)
"""The columns that only the pages of the runs have."""
FIGURES = tuple(dict.fromkeys(one.name for one in (*CALM_COLUMNS, *FAULT_COLUMNS, *MORE_COLUMNS)))
"""The names of all figures that the league keeps."""


def columns_of(has_fault: bool) -> tuple[LeagueColumn, ...]:
    """The columns of the table of a workload."""
    return FAULT_COLUMNS if has_fault else CALM_COLUMNS


def all_columns(has_fault: bool) -> tuple[LeagueColumn, ...]:
    """The columns of the page of a workload's runs: those of its table first."""
    found = (*columns_of(has_fault), *CALM_COLUMNS, *MORE_COLUMNS)
    return tuple({one.name: one for one in found}.values())


LEGEND = (
    "origin reads: those that got a connection; peak: the most that were asked for in any sliding second over all "
    "pods, of the steady state (at expiries and refreshes) and of the cold start (before a key was loaded at all); "
    "loads per expiry: the mean of a hot key; p50, p99: latency from the intended start of the request; commands: of "
    "Redis, all clients together; CPU: of the pods; older than TTL: of the answers; errors: neither 200 nor 404, or no "
    "answer; wrong answers: not the item asked for, torn, or older than one seen before."
)
FAULT_LEGEND = (
    "failed during: requests of the fault's time without a good answer; reads during: origin reads asked for in it; "
    "loads at once: the most under way together of one key; p99 during: latency of its requests; longest: of any "
    "request from the fault on; back after: seconds from the fault's end until goodput is back at 95 % of that before, "
    "and stays; worst second: the least goodput of any second from the fault on, of that before."
)
