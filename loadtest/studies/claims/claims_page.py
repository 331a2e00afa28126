"""The claims ledger as Markdown (CLAIMS.md) and on the terminal."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from textwrap import fill
from typing import Any, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadtest.figures.plain_text import quoted
from loadtest.report.markdown_table import markdown_table
from loadtest.report.quoting import for_markdown
from loadtest.studies.claims.claim import ClaimVerdict
from loadtest.studies.claims.published_experiment import Basis, PublishedExperiment, Variant
from loadtest.studies.claims.tolerance import CONFIDENCE
from loadtest.studies.claims.verdict import JudgedClaim

WIDTH = 120  # characters
HEADINGS = ("claim", "published", "predicted", "simulated", "measured", "verdict")
_STYLES = {ClaimVerdict.REPRODUCED: "green", ClaimVerdict.NOT_REPRODUCED: "yellow"}
TITLE = "# The claims ledger"
"""The first line of every claims ledger; a file that begins otherwise is not replaced."""
_INTRODUCTION = """\
Figures that others have published about expiring cache entries, run again here. `make claims` writes this file, so do
not edit it. The claims and the workloads are in `loadtest/scenarios/claims/`, one file per table.

- **published**: what the source says; with \\*, what an independent simulation of its protocol says.
- **predicted**: by formula (`loadtest/theory/`), at the rate of the run; a dash where no formula applies.
- **simulated**: the same strategy code in virtual time, the mean over seeds.
- **measured**: real processes (pods, Redis, Locust) on this machine, {measured};
  a dash where the run is too much for it, for the reason under the table.
- **verdict**: *reproduced* when ours and the published figure lie no further apart than half the step that the source
  rounded to and z standard deviations of one run against another, by the spread of the simulated seeds. z is stated in
  the note of each row; it is Student's t for {confidence:.0%}, so that of a hundred claims that hold one is expected to
  miss. What a source says of a mechanism's effect is held to the mean over the seeds instead. A bound stands where
  the source says one in words. Nothing is allowed for another machine.
- *not comparable* is a latency, which is the machine's: shown side by side, not judged. *Not reproducible* is
  what the source says too little about. *Absent* is what could be run, and is not.

Each file says what its claims are expected to come to, and the command fails where one comes to something else. Those
expectations were written with the lab's own figures known: "reproduced" means that the published figure agrees with
this code, not that a prediction was registered and came true."""


class ClaimsPage(NamedTuple):
    """The contents of a claims ledger."""

    experiments: Sequence[PublishedExperiment]
    judged: Mapping[str, Sequence[JudgedClaim]]  # by experiment
    about: Mapping[str, Any]  # see `loadtest.worlds.environment`
    wall_s: float
    repeats: int  # of native runs; 0: none were asked for


def cells(judged: JudgedClaim) -> tuple[str, ...]:
    """The table line of a claim: a text for each of `HEADINGS`."""
    claim = judged.claim
    values = (judged.predicted, judged.simulated, judged.measured)
    star = "\\*" if claim.independent else ""
    return claim.says, claim.says_published + star, *map(claim.shown, values), judged.verdict


def why(judged: JudgedClaim) -> str:
    """The note of a claim: its full wording, why it is not reproduced, and the range that was accepted."""
    claim, said = judged.claim, []
    if claim.in_full:
        said.append(claim.in_full)
    if judged.verdict is not ClaimVerdict.REPRODUCED and claim.because:
        said.append(claim.because.rstrip("."))
    if claim.is_judged:
        said.append(f"accepted: {_range(judged)} ({claim.bound_because or _tolerance(judged)})")
    if judged.invalid:
        said.append(f"the native run was no valid result: {for_markdown(quoted(judged.invalid))}")
    elif judged.worlds_differ:
        said.append("virtual time alone would not say so")
    if not judged.as_expected:
        said.append(f"**{claim.expected} was expected**")
    return ". ".join([*said[:1], *(text[0].upper() + text[1:] for text in said[1:])])


def _tolerance(judged: JudgedClaim) -> str:
    claim, spread = judged.claim, judged.spread
    said = f"rounding {claim.rounding:.3g}"
    if spread is not None and spread.deviation:
        what = "of the mean" if claim.effect else "of one run against another"
        said += f", z = {spread.quantile:.2f} {what}, deviation {spread.deviation:.3g} over {spread.seeds} seeds"
    return said


def _range(judged: JudgedClaim) -> str:
    claim, (low, high) = judged.claim, judged.accepted
    if low == float("-inf"):
        return f"up to {claim.shown(high)}"
    if high == float("inf"):
        return f"from {claim.shown(low)}"
    return f"{claim.shown(low)} to {claim.shown(high)}"


def markdown(ledger: ClaimsPage) -> str:
    """The whole of CLAIMS.md."""
    measured = {0: "not asked for this time", 1: "one run"}.get(ledger.repeats, f"the median of {ledger.repeats} runs")
    lines = [
        TITLE,
        "",
        _INTRODUCTION.format(measured=measured, confidence=CONFIDENCE),
        "",
        *_stamp(ledger),
        "",
    ]
    for one in ledger.experiments:
        lines += [f"## {one.title}", "", _wrapped(f"{one.source}.\n\n{one.setup}"), ""]
        lines += [*_table(ledger.judged[one.name]), *map(_item, _notes(one)), ""]
    said = list(filter(None, (conclusion(one, ledger.judged[one.name]) for one in ledger.experiments)))
    if said:
        lines += ["## What it comes to", "", "\n\n".join(map(_wrapped, said)), ""]
    return "\n".join(lines).rstrip()


def _table(judged: Sequence[JudgedClaim]) -> Iterator[str]:
    """The lines of an experiment's table, and the numbered notes of its verdicts under it."""
    notes: dict[str, int] = {}
    lines = []
    for one in judged:
        *figures, verdict = cells(one)
        number = notes.setdefault(text, len(notes) + 1) if (text := why(one)) else 0
        lines.append((*figures, f"{verdict} [{number}]" if number else verdict))
    yield from (*markdown_table(HEADINGS, lines), "")
    yield from (_item(f"[{number}] {text}") for text, number in notes.items())


def _item(text: str) -> str:
    return _filled(f"- {text}", subsequent_indent="  ")


def _wrapped(text: str) -> str:
    """The paragraphs of a text, each wrapped to `WIDTH`."""
    paragraphs = (" ".join(one.split()) for one in text.strip().split("\n\n"))
    return "\n\n".join(map(_filled, paragraphs))


def _filled(text: str, subsequent_indent: str = "") -> str:
    return fill(text, WIDTH, subsequent_indent=subsequent_indent, break_long_words=False, break_on_hyphens=False)


def _stamp(ledger: ClaimsPage) -> Iterator[str]:
    about, machine = ledger.about, ledger.about["machine"]
    yield from markdown_table(
        ("stamp", ""),
        [
            ("commit", str(about["commit"])),
            ("date", str(about["started_at"])),
            ("command", f"`{about['command']}`, seed {about['seed']}"),
            ("machine", f"{machine['cores']} cores, {machine['cpu']}, {machine['memory_gib']} GiB"),
            ("wall time", f"{ledger.wall_s / 60:.1f} min"),
            *((f"verdicts {basis}", tally) for basis in Basis if (tally := _tally(ledger, basis))),
        ],
    )


def _tally(ledger: ClaimsPage, basis: Basis) -> str:
    """The number of verdicts of each kind on that basis; empty where there is none."""
    verdicts = [
        judged.verdict
        for one in ledger.experiments
        for judged in ledger.judged[one.name]
        if one.basis(judged.claim) is basis
    ]
    return ", ".join(f"{count} {verdict}" for verdict in ClaimVerdict if (count := verdicts.count(verdict)))


def _notes(one: PublishedExperiment) -> Iterator[str]:
    """The notes of an experiment: its seeds, the variants that are only simulated, and those without a formula."""
    if one.fitted:
        yield f"Fitted: {one.fitted}."
    yield from _variants_by(one, "Only in virtual time", lambda variant: variant.virtual_because)
    yield from _variants_by(one, "Not predicted", lambda variant: variant.unpredicted_because)
    if one.variants:
        seeds = {variant.seeds for variant in one.variants.values()}
        yield f"Simulated: the mean over {' or '.join(map(str, sorted(seeds)))} seeds."
    if any(claim.independent for claim in one.claims):
        yield "\\* Not the source's own: an independent simulation of its protocol."


def _variants_by(one: PublishedExperiment, heading: str, reason_of: Callable[[Variant], str]) -> Iterator[str]:
    variants: dict[str, list[str]] = {}
    for name, variant in one.variants.items():
        variants.setdefault(reason_of(variant), []).append(name)
    for reason, names in variants.items():
        if reason:
            yield f"{heading}: {', '.join(names)}: {reason}."


def conclusion(one: PublishedExperiment, judged: Sequence[JudgedClaim]) -> str:
    """The conclusion of an experiment, with its figures; empty where a verdict is unexpected or missing."""
    if not all(one.as_expected for one in judged):
        return ""
    try:
        return one.conclusion.strip().format_map({each.claim.name: each.claim.shown(each.value) for each in judged})
    except KeyError:
        return ""  # only some of the claims were asked for


def print_ledger(console: Console, ledger: ClaimsPage) -> None:
    """The ledger on a terminal; sentences and reasons are in the file."""
    for one in ledger.experiments:
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for heading in HEADINGS:
            table.add_column(heading, justify="left" if heading in {"claim", "verdict"} else "right", overflow="fold")
        for judged in ledger.judged[one.name]:
            figures = (cell.replace("\\*", "*") for cell in cells(judged)[1:5])
            style = _STYLES.get(judged.verdict, "dim") if judged.as_expected else "bold red"
            table.add_row(judged.claim.name, *map(Text, figures), Text(judged.verdict, style))
        console.print(Text(f"\n{one.source}: {one.title}", "bold"), table, sep="\n")
