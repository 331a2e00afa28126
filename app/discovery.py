"""Discovery of strategies: every module of `app/strategies/` whose name does not begin with an underscore."""

import inspect
import keyword
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType

import app.strategies
import app.strategies.references
import app.strategies.wrong
from app.alarm import TookTooLong
from app.contender_discovery import NAME, Contenders, find_contenders
from app.contender_names import file_of, is_proxy, place_of
from app.file_imports import fault_of, files_of, import_file
from app.proxy_discovery import FoundProxies, find_proxies
from app.strategy import Mechanism, Strategy
from app.strategy_groups import ALL, BY_DEFAULT, CONTENDERS, GROUPS, WRONG, UnknownStrategy, named, words

APART = {app.strategies.references: "a reference", app.strategies.wrong: "a mistake"}
"""The folders of strategies that are found only when they are asked for, with what each of theirs is called."""

# Names that are routes of the service itself, groups of strategies, or folders of them.
RESERVED = frozenset(
    {"strategies", "settings", "healthz", "readyz", "metrics", "ledger", "targets", "docs", "redoc"}
    | {folder.__name__.rpartition(".")[2] for folder in APART}
    | {*GROUPS}
)


@dataclass(slots=True)
class Discovered:
    """Strategies by name, the baseline first, and the broken files by name, each with the reason.

    `references` are strategies that run to show what none can leave. They are kept apart from `strategies`, so that
    only a run that asks for them compares and draws them. So are the mistakes, which are `wrong` on purpose, and the
    contenders, which are other people's libraries and proxies. A file of those whose library or program is `missing`
    has the command that installs it.
    """

    strategies: dict[str, type[Strategy]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    references: dict[str, type[Strategy]] = field(default_factory=dict)
    wrong: dict[str, type[Strategy]] = field(default_factory=dict)
    contenders: dict[str, type[Strategy]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    broken_contenders: dict[str, str] = field(default_factory=dict)

    @property
    def baseline(self) -> str | None:
        return next((name for name, found in self.strategies.items() if found.is_baseline), None)

    @property
    def choosable(self) -> dict[str, type[Strategy]]:
        """Right strategies, mistakes and contenders: everything that may be chosen by its name."""
        return {**self.strategies, **self.wrong, **self.contenders}

    @property
    def runnable(self) -> dict[str, type[Strategy]]:
        """Strategies, mistakes, contenders and references: everything that a pod may serve."""
        return {**self.choosable, **self.references}

    @property
    def groups(self) -> dict[str, list[str]]:
        """The names in each of `app.strategy_groups.GROUPS`."""
        by_default = [name for name, found in self.strategies.items() if found.runs_by_default]
        return {
            BY_DEFAULT: by_default,
            ALL: list(self.strategies),
            WRONG: list(self.wrong),
            CONTENDERS: list(self.contenders),
        }

    def choose(self, asked: str | None) -> list[str]:
        """The strategies that a text with commas names, or those of the default. Raises `UnknownStrategy`."""
        groups, known = self.groups, self.choosable
        names = named(words(asked), groups) if asked else groups[BY_DEFAULT]
        for name in names:
            if name in self.broken:
                raise UnknownStrategy(f"app/strategies/{name}.py is broken: {self.broken[name]}")
            file = None if name in known else file_of(name)
            if file in self.missing:
                kind = "program" if is_proxy(file) else "library"
                raise UnknownStrategy(f"{name} needs a {kind} that is not installed: {self.missing[file]}")
            if file in self.broken_contenders:
                raise UnknownStrategy(f"{place_of(file)} is broken: {self.broken_contenders[file]}")
            if name not in known:
                raise UnknownStrategy(f"there is no strategy {name!r}: name some of {', '.join((*known, *GROUPS))}")
        return names


def discover(references: bool = False, wrong: bool = False, contenders: bool | str = False) -> Discovered:
    """The strategies in `app/strategies/`, with references, mistakes and contenders where they are asked for.

    `contenders` may name those whose libraries are imported, by comma.

    The baseline is first, then come those that run by default, each group by name. A broken file is reported and harms
    no other.
    """
    found, broken = _load_all(app.strategies)
    ordered = dict(sorted(found.items(), key=_place_of))
    known: dict[str, type[Strategy]] = {}
    mistakes: dict[str, type[Strategy]] = {}
    if references:
        known, faulty = _load_all(app.strategies.references)
        broken |= faulty
    if wrong:
        mistakes, faulty = _load_all(app.strategies.wrong)
        for name in [name for name, one in mistakes.items() if one.right_twin not in ordered]:
            twin = mistakes.pop(name).right_twin
            faulty[name] = f"its right_twin, {twin!r}, is {'broken' if twin in broken else 'no strategy'}"
        broken |= faulty
    asked = CONTENDERS if contenders is True else contenders or ""
    libraries, proxies = (find_contenders(asked), find_proxies(asked)) if asked else (Contenders(), FoundProxies())
    return Discovered(
        ordered,
        broken,
        known,
        mistakes,
        {**libraries.strategies, **proxies.strategies},
        libraries.missing | proxies.missing,
        libraries.broken | proxies.broken,
    )


def _place_of(found: tuple[str, type[Strategy]]) -> tuple[bool, bool, str]:
    name, strategy = found
    return not strategy.is_baseline, not strategy.runs_by_default, name


def wrong_names() -> frozenset[str]:
    """The names of the files of mistakes, whether or not they are sound; nothing is imported for it."""
    return frozenset(info.name for info in _modules(app.strategies.wrong))


def check_name(name: str) -> None:
    """Raise ValueError unless a strategy may have that name; the text says what is allowed."""
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ValueError(f"{name!r}: a strategy's name is a letter, then letters, digits and _, lower case, 40 at most")
    if name in GROUPS:
        raise ValueError(f"{name!r}: that word stands for several strategies where they are named")
    if name in RESERVED:
        raise ValueError(f"{name!r}: /{name} is a route of the service itself")
    for folder, kind in APART.items():
        if name in {info.name for info in _modules(folder)}:
            raise ValueError(f"{name!r}: {kind} of the lab has that name ({folder.__name__.replace('.', '/')}/)")
    if (file := file_of(name)) is not None:
        raise ValueError(f"{name!r}: that name is a contender's ({place_of(file)})")


def _load_all(package: ModuleType) -> tuple[dict[str, type[Strategy]], dict[str, str]]:
    """The strategies of a folder by name, and the reason why each of the other files is broken."""
    found, broken = {}, {}
    for info in _modules(package):
        try:
            found[info.name] = _load(info, package)
        except TookTooLong as late:
            broken[info.name] = f"its import does not end: {late}"
        except (Exception, SystemExit) as error:
            broken[info.name] = fault_of(error, info)
    return found, broken


def _modules(package: ModuleType) -> Iterator[pkgutil.ModuleInfo]:
    apart = {folder.__name__ for folder in APART}
    return (info for info in files_of(package) if f"{package.__name__}.{info.name}" not in apart)


def _load(info: pkgutil.ModuleInfo, package: ModuleType) -> type[Strategy]:
    if package is app.strategies:
        check_name(info.name)
    module = import_file(info, package)
    found = _the_one([value for value in vars(module).values() if _is_strategy_of(module.__name__, value)])
    if inspect.isabstract(found):
        raise TypeError(f"{found.__name__} does not define get_or_load")
    mechanism = found.stated(1.0, {}).mechanism()  # raises when a default is out of its own bounds
    if not isinstance(mechanism, Mechanism):
        raise TypeError(f"{found.__name__}.mechanism() answers {mechanism!r}, which is no Mechanism")
    return found


def _is_strategy_of(path: str, value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, Strategy) and value.__module__ == path


def _the_one(classes: list[type[Strategy]]) -> type[Strategy]:
    """The file's strategy: the class that no other one there extends. Raises ValueError unless there is one."""
    distinct = list(dict.fromkeys(classes))  # one may have two names
    last = [one for one in distinct if not any(other is not one and issubclass(other, one) for other in distinct)]
    if len(last) != 1:
        names = f" ({', '.join(one.__name__ for one in last)})" if last else ""
        raise ValueError(f"one Strategy per file, not {len(last)}{names}")
    return last[0]
