"""The behaviour of a contender on one screen, and the screen of one that cannot be used at all."""

import re
import textwrap
from collections.abc import Sequence

from loadtest.contract.behaviour.finding import VIRTUAL, Behaviour, BehaviourFinding, FindingOutcome
from loadtest.contract.behaviour.probes import LOADS, QUESTIONS, RIGHT
from loadtest.figures.plain_text import plain
from loadtest.studies.trial.breach import WIDTH, Advice, Breach

SENTENCE_LINES_MAX = 3
USUAL_ADVICE: Advice = (
    (
        r"it has no Contender",
        "The file needs a class: class MyLib(Contender), with get. See app/contenders/_template.py.",
    ),
    (r"does not define get", "Add: async def get(self, key: str, load: LoadValue) -> bytes."),
    (r"does not state its library", 'Add the name of the distribution: library = "mylib".'),
    (r"SyntaxError|IndentationError|TabError", "Python cannot read that line, or the one before it."),
    (r"import does not end", "What a file does at its top is done by every pod at its start: only define things."),
    (
        r"answered .*, not bytes|no load had brought|torn",
        "Answer the bytes that `await load()` gave, as they are. Values that the library encodes are to be decoded.",
    ),
    (
        r"another key's value",
        "Have the library's key depend on `key`: a decorator may build one from arguments that are not the key.",
    ),
    (
        r"never awaited|'coroutine' object|can't be used in 'await'",
        "An `await` is missing, or stands before what is no coroutine: get is `async`, and load() is awaited.",
    ),
    (
        r"no place in virtual time|another thread",
        "It leaves asyncio: state why in `not_virtual`, and it is probed and run in real time instead.",
    ),
    (r"ConnectionError|connecting to", "Connect to the URL that the site has: site.redis_url."),
    (r"must be a (finite )?number|must be one of", "Give the parameter a default within its own bounds."),
)


def behaviour_screen(behaviour: Behaviour) -> str:
    """Every finding as a line, and the sentences of those that do not hold."""
    world = "in virtual time" if behaviour.world == VIRTUAL else "in real time, against a Redis of its own"
    title = f"{behaviour.contender} ({behaviour.library} {behaviour.version or 'of no version'}), {world}:"
    parts = [title, *map(_line, behaviour.findings)]
    loads = behaviour.finding(LOADS)
    told = not_held(behaviour, list(QUESTIONS))
    for one in ([loads] if loads is not None and loads not in told else []) + told:
        parts += _wrapped(f"{one.name}: {one.sentence}")
    return "\n".join(parts)


def why_unusable(behaviour: Behaviour) -> Breach | None:
    """The fault of a contender that gives wrong answers, or none; None for one that can be used."""
    right = behaviour.finding(RIGHT)
    if right is None or right.outcome is FindingOutcome.HELD:
        return None
    numbers = right.numbers
    is_wrong = right.outcome is FindingOutcome.UNKNOWN or numbers.get("wrong") or numbers.get("torn")
    if not is_wrong and numbers.get("errors") != numbers.get("requests"):
        return None  # errors of some requests are a figure
    what = right.sentence.partition(" The first: ")[2] or right.sentence
    at = re.search(r"\(line (\d+)\)", what)
    advice = "Look at what get answers on each of its paths."
    return Breach("every request gets its own key's value", what, int(at[1]) if at else None, advice)


def not_held(behaviour: Behaviour, names: Sequence[str]) -> list[BehaviourFinding]:
    """The findings of these probes that do not hold, or that are unknown."""
    told = {FindingOutcome.NOT_HELD, FindingOutcome.UNKNOWN}
    return [one for one in behaviour.findings if one.name in names and one.outcome in told]


def _line(finding: BehaviourFinding) -> str:
    outcome = "" if finding.outcome is FindingOutcome.FIGURE else finding.outcome
    return f"  {finding.name:19}{QUESTIONS[finding.name]:62}{outcome:9} {plain(finding.cell)}"


def _wrapped(sentence: str) -> list[str]:
    return textwrap.wrap(
        plain(sentence), WIDTH, max_lines=SENTENCE_LINES_MAX, placeholder=" …", subsequent_indent="    "
    )
