"""The blocks of a strategy's page that no run is needed for: its parameters, the claims on it, libraries like it."""

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.strategy import Strategy
from loadtest import ROOT
from loadtest.report.markdown_table import markdown_table
from loadtest.report.quoting import for_markdown
from loadtest.studies.claims.claim import ClaimVerdict
from loadtest.studies.claims.published_experiment import PublishedExperiment
from loadtest.studies.pages.anchor import anchor

PROBED = ROOT / "docs" / "league" / "records" / "behaviour.json"
"""The records of the league's probes, which saw what each library does."""
EARLY_TTL = 0.9
"""The share of the TTL that no answer of a library is older than, where it replaces entries before their expiry."""


def parameters(strategy: type[Strategy]) -> list[str]:
    """The table of a strategy's parameters, or the sentence that it has none."""
    declared = strategy.parameters()
    if not declared:
        return ["None: the TTL of the scenario is all that there is to choose."]
    lines = []
    for name, one in declared.items():
        bounds = ", ".join(one.choices) if one.choices else f"{_bound(one.low)} to {_bound(one.high)}"
        default = one.default if isinstance(one.default, str) else f"{one.default:g}"
        lines.append([f"`{name}`", str(default), for_markdown(bounds), for_markdown(one.description)])
    return markdown_table(("parameter", "default", "bounds", "meaning"), lines)


def _bound(value: float) -> str:
    return "any" if math.isinf(value) else f"{value:,.10g}"


def claims(name: str, experiments: Sequence[PublishedExperiment], to_claims: str) -> list[str]:
    """A line for each published experiment that this strategy has a part in: how its claims came out."""
    found = []
    for experiment in experiments:
        own = {variant for variant, one in experiment.variants.items() if one.strategy == name}
        about = [one for one in experiment.claims if own & {one.variant, one.to}]
        if not about:
            continue
        verdicts = Counter(one.expected for one in about)
        told = ", ".join(f"{verdicts[one]} {one}" for one in ClaimVerdict if verdicts[one])
        line = f"- [{for_markdown(experiment.title)}]({to_claims}#{anchor(experiment.title)}): {told}."
        failed = [one for one in about if one.expected is ClaimVerdict.NOT_REPRODUCED]
        if failed:
            line += f" Not reproduced: {'; '.join(for_markdown(one.says) for one in failed)}."
        found.append(line)
    return found or ["None: no figure about it has been published that could be run again here."]


def _numbers(probed: Mapping[str, Any], finding: str) -> Mapping[str, float]:
    for one in probed["findings"]:
        if one["name"] == finding:
            numbers: Mapping[str, float] = one["numbers"]
            return numbers
    return {}


def _is_stale(probed: Mapping[str, Any]) -> bool:
    return bool(_numbers(probed, "age").get("serves_stale_s"))


def _is_early(probed: Mapping[str, Any]) -> bool:
    age = _numbers(probed, "age")
    return bool(age) and age["oldest_s"] <= EARLY_TTL * age["ttl_s"]


LIKE: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], bool]]] = {
    "every-reader": ("every reader loads at an expiry", lambda one: one["protection"] == "every reader"),
    "one-per-pod": ("one reader of each pod loads at an expiry", lambda one: one["protection"] == "one per pod"),
    "one-at-all": ("one reader loads, over all pods", lambda one: one["protection"] == "one at all"),
    "stale": ("an old value answers past the TTL", _is_stale),
    "early": (f"no answer was older than {EARLY_TTL:g} TTL: entries are replaced before they expire", _is_early),
}
"""The kinds of libraries that a page may ask for, each with what the probes saw of them."""


def libraries(kind: str, to_league: str) -> list[str]:
    """The libraries of that kind in the league, by what its probes saw. Raises KeyError for a kind there is not."""
    seen, is_like = LIKE[kind]
    probed = [one["behaviour"] for one in json.loads(PROBED.read_text(encoding="utf-8"))["probed"]]
    found = sorted(one["contender"] for one in probed if is_like(one))
    told = ", ".join(f"[{for_markdown(name)}]({to_league}#{name.lower()})" for name in found) or "none"
    return [f"By the probes of the league, {seen}: {told}."]
