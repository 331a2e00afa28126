"""The advice in words and tables: the same parts on the terminal and in report.md."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from loadtest.report.markdown_table import markdown_table
from loadtest.studies.advise.advice import Advice, Ranked
from loadtest.studies.advise.native_check import HEADINGS as HEADINGS_OF_CHECK
from loadtest.studies.advise.native_check import NativeCheck, check_lines
from loadtest.studies.advise.own_files import OwnFile, OwnFiles
from loadtest.studies.advise.reasons import percents
from loadtest.studies.advise.service import Service
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
    """The headings and a line for each allowed strategy, the answer first; a column that nothing is in is left out."""
    allowed = [one for one in advice.ranking if one.is_allowed]
    lines = [_line(one) for one in allowed[:ALLOWED_MAX]]
    known = [place for place in range(len(HEADINGS)) if any(line[place] for line in lines)]
    return [HEADINGS[place] for place in known], [[line[place] for place in known] for line in lines]


def parts(advice: Advice) -> Iterator[Part]:
    """The parts below the answer and the table, in their order; those that have nothing to say are left out."""
    best = advice.best
    yield Part("Why", tuple(_why(advice)))
    if best is not None:
        yield Part("Settings", tuple(_settings(advice, best)))
    yield Part("The pool", advice.pool_sentences)
    yield Part("What would change it", tuple(one.sentence for one in advice.break_evens))
    yield Part(f"How far to believe it: {advice.level}", advice.confidence)


def about(service: Service) -> str:
    """The numbers of a service in a sentence."""
    pool = "a pool that is not known" if service.pool is None else f"{service.pool:,} connections"
    popularity = "" if service.zipf is None else f" (Zipf, exponent {service.zipf:g})"
    if service.shares:
        popularity = " (popularity as measured)"
    return (
        f"{service.keys:,} keys{popularity}, {service.rate_per_s:,g} requests/s, TTL {service.ttl_s:g} s, "
        f"origin {service.origin} ms, {pool}, {service.pods} pod{'s' * (service.pods > 1)}, "
        f"answers up to {service.allowed_age_s:g} s old."
    )


def as_markdown(advice: Advice, files: OwnFiles | None = None, check: NativeCheck | None = None) -> str:
    """The advice as Markdown, with the files for one's own code and the native check where there are any."""
    lines = ["# Advice", "", about(advice.service), ""]
    for at, one in enumerate(advice.answer):
        lines += [f"**{one}**" if not at else one, ""]
    headings, cells = table(advice)
    if cells:
        lines += [*markdown_table(headings, cells), "", LEGEND, ""]
    for part in parts(advice):
        if part.lines:
            lines += _section(part.heading, part.lines)
    if check is not None:
        lines += _section("Checked by real processes", [check.compared, *check.changes, *check.sentences])
        lines += [*markdown_table(HEADINGS_OF_CHECK, check_lines(check)), ""]
    if files is not None:
        lines += _section("In your service", files.about_code())
        lines += [*_fenced("sh", files.pip), *(line for one in files.of_code for line in _shown(one))]
        lines += _section("In your CI", files.about_gate())
        lines += [line for one in files.of_gate for line in _shown(one)]
    if advice.commands:
        lines += ["## Again", "", *_fenced("sh", "\n".join(advice.commands))]
    return "\n".join(lines).rstrip("\n")


def _section(heading: str, sentences: Iterable[str]) -> list[str]:
    return [f"## {heading}", "", *(f"- {line}" for line in sentences), ""]


def _shown(one: OwnFile) -> list[str]:
    return [f"### {one.name}", "", *_fenced(one.language, one.text)]


def _fenced(language: str, text: str) -> list[str]:
    return [f"```{language}", text, "```", ""]


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
    ttl_s = min(advice.service.ttl_s, advice.service.allowed_age_s)
    yield f"{best.strategy} with {said or 'its defaults'}; TTL {ttl_s:g} s."
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
        percents(price.waited_share),
        "" if outage is None else percents(outage),
        percents(price.older_share),
        f"{price.oldest_s:.3g}",
        "" if commands is None else f"{commands:.2f}",
    ]


LEGEND = (
    "reads/min, worst second (most reads of the origin in any second), wait % (requests that wait for a load) and "
    f"older than TTL % are of the steady state; an outage is {OUTAGE_S:g} s in which every read of the origin fails, "
    "and its share is of the requests from 5 s before it to 15 s after it; oldest: by the strategy's own promise."
)
