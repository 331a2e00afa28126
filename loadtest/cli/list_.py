"""`lab list`: the strategies, contenders and scenarios."""

from collections.abc import Iterable
from typing import Any

from app.contender_names import version_of
from app.discovery import Discovered, discover
from app.proxy import Proxy
from app.strategy import Strategy
from app.strategy_groups import ALL, BY_DEFAULT, CONTENDER_MARK, CONTENDERS, MARK, WRONG
from loadtest.cli.document import tell
from loadtest.cli.inputs import scenario_named
from loadtest.cli.terminal import console
from loadtest.report.quoting import for_console_markup
from loadtest.workload.scenario import scenario_names

WIDTH = 23
"""Characters of the column of names; one that is longer moves its own line."""


def list_() -> None:
    """List the strategies by their groups, and the scenarios."""
    found = discover(wrong=True, contenders=True)
    by_default = found.groups[BY_DEFAULT]
    _list("Strategies", "app/strategies/", (found.strategies[name] for name in by_default))
    more = [one for name, one in found.strategies.items() if name not in by_default]
    _list("More strategies", f"run when named, or with --strategies {ALL}", more)
    _list("Wrong on purpose", f"run when named, or with --strategies {WRONG}", found.wrong.values())
    _list(
        "Contenders",
        f"libraries and proxies; run when named, or with --strategies {CONTENDERS}",
        found.contenders.values(),
    )
    for name, command in found.missing.items():
        console.print(f"  [dim]{name:{WIDTH}} not installed: {for_console_markup(command)}[/]", soft_wrap=True)
    for name, why in (found.broken | found.broken_contenders).items():
        console.print(f"  [red]{name:{WIDTH}} broken: {for_console_markup(why)}[/]", soft_wrap=True)
    console.print("[bold]Scenarios[/] (loadtest/scenarios/)")
    titles = {name: scenario_named(name).title for name in scenario_names()}
    for name, title in titles.items():
        console.print(f"  {name:{WIDTH}} {for_console_markup(title)}", soft_wrap=True)
    tell(
        strategies=[_told(name, one, found) for name, one in found.choosable.items()],
        missing=found.missing,
        broken=found.broken | found.broken_contenders,
        scenarios=[{"name": name, "title": title} for name, title in titles.items()],
    )


def _told(name: str, one: type[Strategy], found: Discovered) -> dict[str, Any]:
    """A strategy as JSON can hold it."""
    return {
        "name": name, "idea": _idea(one), "library": one.library, "right_twin": one.right_twin,
        "runs_by_default": name in found.groups[BY_DEFAULT], "not_virtual": one.not_virtual,
        "parameters": {key: parameter.default for key, parameter in one.parameters().items()},
    }  # fmt: skip


def _idea(one: type[Strategy]) -> str:
    return next(iter((one.__doc__ or "").strip().splitlines()), "")


def _list(title: str, where: str, group: Iterable[type[Strategy]]) -> None:
    """One line for each of a group; nothing where it has none."""
    strategies = list(group)
    if strategies:
        console.print(f"[bold]{title}[/] ({where})")
    for one in strategies:
        parameters = " ".join(f"{key}={parameter.default}" for key, parameter in one.parameters().items())
        said = " ".join(filter(None, (_apart(one), for_console_markup(parameters))))
        console.print(f"  {one.name:{WIDTH}} {for_console_markup(_idea(one))} [dim]{said}[/]", soft_wrap=True)


def _apart(one: type[Strategy]) -> str:
    """A mistake's right twin, or what a contender is made of and where it runs; empty for any other strategy."""
    if one.right_twin:
        return f"{MARK} right: {one.right_twin}"
    if not one.library:
        return ""
    if issubclass(one, Proxy):
        return f"{CONTENDER_MARK} {one.library} {one.installed_version()}, natively ({one.not_virtual})"
    where = f"natively and in the stack ({one.not_virtual})" if one.not_virtual else "in all worlds"
    return f"{CONTENDER_MARK} {one.library} {version_of(one.library)}, {for_console_markup(where)}"
