"""The advice in words and tables: the same parts on the terminal and in report.md."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loadtest.report.markdown_table import markdown_table
from loadtest.studies.advise.advice import Advice, Ranked
from loadtest.studies.advise.situations import OUTAGE_S, Situation

ALLOWED_MAX = 6
"""The most allowed strategies in the table; advice.json has all."""
HEADINGS = (
    "strategy", "reads/min", "worst second", "of a cold start", "wait %", "fail in an outage %", "older than TTL %",
    "oldest s", "Redis/request",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the advice: a heading, with lines below it."""

    heading: str
    lines: tuple[str, ...]


def table(advice: Advice) -> tuple[Sequence[str], list[list[str]]]:
    """The headings and a line for each strategy that is allowed, the answer first."""
    allowed = [one for one in advice.ranking if one.is_allowed]
    return HEADINGS, [_line(one) for one in allowed[:ALLOWED_MAX]]


def parts(advice: Advice) -> Iterator[Part]:
    """The parts below the answer and the table, in their order; those that have nothing to say are left out."""
    best = advice.best
    yield Part("Why", tuple(_why(advice)))
    if best is not None:
        yield Part("Settings", tuple(_settings(advice, best)))
    yield Part("The pool", advice.pool_sentences)
    yield Part("What would change it", tuple(one.sentence for one in advice.break_evens))
    yield Part(f"How far to believe it: {advice.level}", advice.confidence)


def as_markdown(advice: Advice) -> str:
    """The advice as Markdown."""
    service = advice.service
    age = f"{service.allowed_age_s:g} s"
    pool = "a pool that is not known" if service.pool is None else f"{service.pool:,} connections"
    about = (
        f"{service.keys:,} keys, {service.rate_per_s:,g} requests/s, TTL {service.ttl_s:g} s, "
        f"origin {service.origin} ms, "
        f"{pool}, {service.pods} pods, answers up to {age} old."
    )
    lines = ["# Advice", "", about, "", *(f"**{one}**" if not at else one for at, one in enumerate(advice.answer)), ""]
    headings, cells = table(advice)
    if cells:
        lines += [*markdown_table(headings, cells), "", LEGEND, ""]
    for part in parts(advice):
        if part.lines:
            lines += [f"## {part.heading}", "", *(f"- {line}" for line in part.lines), ""]
    if advice.commands:
        lines += ["## Again", "", "```sh", *advice.commands, "```"]
    return "\n".join(lines)


def _why(advice: Advice) -> Iterator[str]:
    best = advice.best
    if best is not None:
        yield from best.reasons
        others = [one for one in advice.ranking if one.is_allowed and one is not best]
        for one in others[:2]:
            yield f"{one.label}: {' '.join(one.reasons[-1:])}"
    same: dict[str, list[str]] = {}
    for one in advice.ranking:
        if not one.is_allowed:
            same.setdefault(one.why_not, []).append(one.strategy)
    for why, names in same.items():
        yield f"Not {', '.join(names)}: {why}."


def _settings(advice: Advice, best: Ranked) -> Iterator[str]:
    said = ", ".join(f"{name} = {value:g}" if isinstance(value, float) else f"{name} = {value}"
                     for name, value in best.parameters.items())  # fmt: skip
    yield f"{best.strategy} with {said or 'its defaults'}; TTL {advice.simulated.ttl_s:g} s."
    if advice.nets_sentence:
        yield advice.nets_sentence


def _line(one: Ranked) -> list[str]:
    price = one.costs
    if price is None:
        return [one.strategy, *("" for _ in HEADINGS[1:])]
    outage = price.failed_share.get(str(Situation.OUTAGE))
    cold = f"{price.cold_peak_1s:,.0f}" if Situation.COLD in one.rows else ""
    commands = price.commands_per_request
    return [
        one.strategy,
        f"{price.origin_reads_per_min:,.0f}",
        f"{price.steady_peak_1s:,.0f}",
        cold,
        f"{100 * price.waited_share:.2g}",
        "" if outage is None else f"{100 * outage:.2g}",
        f"{100 * price.older_share:.2g}",
        f"{price.oldest_s:.3g}",
        "" if commands is None else f"{commands:.2f}",
    ]


LEGEND = (
    "reads/min, worst second (most reads of the origin in any second), wait % (requests that wait for a load) and "
    f"older than TTL % are of the steady state; an outage is {OUTAGE_S:g} s in which every read of the origin fails, "
    "and its share is of the requests from 5 s before it to 15 s after it; oldest: by the strategy's own promise."
)
