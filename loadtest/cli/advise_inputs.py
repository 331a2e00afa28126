"""The inputs of `lab advise` beside its options: samples of traffic, and questions on a terminal."""

import re
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from loadtest.cli.running import guarded_here
from loadtest.cli.terminal import errors, fail, print_text, warn
from loadtest.studies.advise.quantities import latency, seconds
from loadtest.studies.advise.samples.access_log import read_access_log
from loadtest.studies.advise.samples.key_trace import read_key_trace
from loadtest.studies.advise.samples.lines import BadSample
from loadtest.studies.advise.samples.redis_monitor import read_monitor
from loadtest.studies.advise.samples.sample import TrafficSample
from loadtest.studies.advise.service import Service
from loadtest.workload.traffic import IDS_MAX

AccessLog = Annotated[
    Path | None,
    typer.Option(help="Take rate, keys and popularity from an access log: common, combined, JSON lines; or gzipped."),
]
Monitor = Annotated[Path | None, typer.Option(help="Take them, TTLs and pods from the output of redis-cli MONITOR.")]
KeyTrace = Annotated[Path | None, typer.Option(help="Take them from a CSV of time_s,key.")]
KeyPattern = Annotated[str | None, typer.Option(help="A regular expression whose group is the key within a sample.")]
KeyField = Annotated[str | None, typer.Option(help="The field of a log of JSON lines that has the key.")]
TRIES_MAX = 3
"""The times that a question is asked again after an answer that cannot be read."""
EXAMPLE = "lab advise --keys 500 --zipf 1 --rate 3000 --ttl 60s --origin 350ms --pool 20 --pods 8 --max-age 90s"


class AskedNumber(NamedTuple):
    """A number of a service: its option, how it is asked for, its default and the reason for asking."""

    option: str
    text: str
    default: str
    why: str
    is_needed: bool = True


QUESTIONS = {
    "rate_per_s": AskedNumber("--rate", "How many requests per second, all pods?", "100", "herds grow with it"),
    "keys": AskedNumber("--keys", "How many different keys are asked for?", "100", "a rate is spread over them"),
    "ttl_s": AskedNumber("--ttl", "What is the TTL?", "60s", "each expiry is a chance for a herd"),
    "origin": AskedNumber("--origin", "How long does a read of the origin take?", "200ms", "a herd is rate times this"),
    "zipf": AskedNumber(
        "--zipf", "How uneven is popularity? Zipf exponent, 0 for all alike", "1", "hot keys have the herds", False
    ),
    "pool": AskedNumber(
        "--pool", "How many connections to the origin have all pods? 0: not known", "0", "a herd queues there", False
    ),
    "pods": AskedNumber("--pods", "How many pods serve?", "3", "a lock in a pod leaves one load for each", False),
    "max_age_s": AskedNumber(
        "--max-age", "How old may an answer be? 0: no older than the TTL", "0", "old answers save waits", False
    ),
}  # fmt: skip
READ: dict[str, Callable[[str], Any]] = {
    "rate_per_s": float,
    "keys": int,
    "zipf": float,
    "pool": int,
    "pods": int,
    "ttl_s": partial(seconds, "--ttl"),
    "origin": partial(latency, "--origin"),
    "max_age_s": partial(seconds, "--max-age"),
    "max_wait_ms": lambda text: 1000 * seconds("--max-wait", text, "ms"),
}
"""The functions that read a number as people write it, by its name in `Service`. They raise ValueError."""
OPTIONS = {name: question.option for name, question in QUESTIONS.items()} | {"max_wait_ms": "--max-wait"}
_ANY = Service(keys=IDS_MAX, rate_per_s=1, ttl_s=1, origin="fixed(1)")
UNKNOWN_IS_0 = frozenset({"zipf", "pool", "max_age_s"})
"""The numbers that are left out where 0 is answered."""


def sampled(
    access_log: Path | None, monitor: Path | None, trace: Path | None, key_pattern: str | None, key_field: str | None
) -> TrafficSample | None:
    """The figures of the sample that is named, told on the terminal; exit 2 where it cannot be used."""
    named = {"--access-log": access_log, "--monitor": monitor, "--trace": trace}
    given = [option for option, path in named.items() if path is not None]
    if len(given) > 1:
        fail(f"{' and '.join(given)}: one sample at a time")
    if not given and (key_pattern or key_field):
        fail(f"{'--key-pattern' if key_pattern else '--key-field'}: it needs a sample: {', '.join(named)}")
    if key_field is not None and given and access_log is None:
        fail("--key-field: only an access log of JSON lines has fields")
    if not given:
        return None
    pattern = _pattern(key_pattern)
    with guarded_here():
        try:
            if access_log is not None:
                found = read_access_log(access_log, pattern, key_field)
            elif monitor is not None:
                found = read_monitor(monitor, pattern)
            else:
                assert trace is not None
                found = read_key_trace(trace, pattern)
        except BadSample as error:
            fail(f"{given[0]}: {error}")
    for sentence in said(found):
        print_text(sentence)
    return found


def _pattern(text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    try:
        pattern = re.compile(text)
    except re.error as error:
        fail(f"--key-pattern: is no regular expression: {error}")
    if not pattern.groups:
        fail("--key-pattern: needs a group around the key, as in 'id=([0-9]+)'")
    return pattern


def said(sample: TrafficSample) -> list[str]:
    """The figures of a sample in sentences."""
    busiest = sample.busiest_minute_per_s
    about = "" if sample.is_every_key_counted else "about "
    told = [
        f"{sample.kind}: {sample.requests:,} reads in {sample.length_s:,.4g} s, {sample.rate_per_s:,.4g} requests/s"
        + ("" if busiest is None else f", {busiest:,.4g} in the busiest minute")
        + f"; {about}{sample.keys:,} key{'s' * (sample.keys > 1)}."
    ]
    if sample.is_even:
        told.append("All keys are equally popular, as far as chance lets one see.")
    elif sample.zipf is not None:
        taken = "taken" if sample.takes_zipf else "not taken: the measured shares are"
        told.append(
            f"Zipf exponent {sample.zipf.exponent:.3f} ± {sample.zipf.error_95:.3f} by maximum likelihood; its shares "
            f"are at most {sample.zipf.distance:.1%} off, summed up by rank; it is {taken}."
        )
    if sample.ttl_s is not None:
        told.append("TTLs that were set: median {1:g} s, 80 % of them from {0:g} to {2:g} s.".format(*sample.ttl_s))
    if sample.absent_share:
        told.append(f"{sample.absent_share:.1%} of the reads were for what does not exist.")
    if sample.pods is not None:
        told.append(f"{sample.pods} addresses read, which count as the pods.")
    if sample.origin:
        told.append(f"The origin's latency by {sample.origin_times:,} misses: {sample.origin} ms.")
    if sample.left_out:
        told.append(f"{sample.left_out:,} lines are no read of a key and were left out.")
    if sample.malformed:
        told.append(
            f"{sample.malformed:,} of {sample.lines:,} lines are malformed, the first is line {sample.first_malformed}."
        )
    return told


def is_asked() -> bool:
    """Whether somebody can answer: the input and the stream of questions are a terminal."""
    return sys.stdin.isatty() and errors.is_terminal


def stated(counts: Mapping[str, float | None], times: Mapping[str, str | None]) -> dict[str, Any]:
    """The numbers of the options that were given, by their names in `Service`. Raises `BadService`."""
    found: dict[str, Any] = {name: value for name, value in counts.items() if value is not None}
    if found.get("zipf") == 0:
        found["zipf"] = None  # all keys are alike
    return found | {name: READ[name](text) for name, text in times.items() if text is not None}


def in_options(message: str) -> str:
    """The message of a `BadService`, which begins with a field's name, with the option in its place."""
    name, colon, rest = message.partition(":")
    return f"{OPTIONS.get(name, name)}{colon}{rest}"


def completed(given: Mapping[str, Any], can_ask: bool | None = None) -> dict[str, Any]:
    """The numbers of a service, with those that are missing asked for; exit 2 without a terminal, 130 by Ctrl-C."""
    missing = [name for name, one in QUESTIONS.items() if one.is_needed and name not in given]
    if not missing:
        return dict(given)
    if not (is_asked() if can_ask is None else can_ask):
        options = ", ".join(QUESTIONS[name].option for name in missing)
        fail(f"{options}: {'it is' if len(missing) == 1 else 'they are'} missing. For example:\n  {EXAMPLE}")
    found = dict(given)
    for name, question in QUESTIONS.items():
        if name in found:
            continue
        value = _answer(name, question)
        if not (name in UNKNOWN_IS_0 and value == 0):
            found[name] = value
    return found


def _answer(name: str, question: AskedNumber) -> Any:
    for _ in range(TRIES_MAX):
        try:  # on stderr, because with --json stdout is a document
            text = typer.prompt(f"{question.text} ({question.why})", default=question.default, err=True)
        except typer.Abort:
            raise typer.Exit(130) from None
        try:
            if text.strip() == "0" and name in UNKNOWN_IS_0:
                return 0
            value = READ[name](text)
            _ANY.changed(**{name: value})
        except ValueError as error:
            warn([in_options(str(error))])
        else:
            return value
    return fail(f"{question.option}: no answer that can be read in {TRIES_MAX} tries")
