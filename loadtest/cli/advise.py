"""`lab advise`: which strategy one's own service needs, with which settings, and what would change that."""

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from loadtest.cli.advise_check import CheckFor, CheckRate, check_advice, checkable
from loadtest.cli.advise_inputs import (
    AccessLog,
    KeyField,
    KeyPattern,
    KeyTrace,
    Monitor,
    completed,
    in_options,
    sampled,
    stated,
)
from loadtest.cli.advise_outputs import keep_own_files, keep_pages, keep_sample, own_files
from loadtest.cli.document import keep_and_tell
from loadtest.cli.inputs import discovered, scenario_named
from loadtest.cli.options import RESULTS, Markdown, Results, Seed
from loadtest.cli.output_files import write_beside
from loadtest.cli.running import guarded, guarded_here, run_folder, runs_progress, this_run
from loadtest.cli.sim import Workers
from loadtest.cli.terminal import console, fail, named, warn
from loadtest.figures.summarise import Finished
from loadtest.figures.whole_file import write_whole
from loadtest.report.contents import VIRTUAL
from loadtest.sim.pool import cores
from loadtest.studies.advise.advice import Advice
from loadtest.studies.advise.engine import RUNS_ABOUT, advise_service
from loadtest.studies.advise.page import LEGEND, as_markdown, parts, table
from loadtest.studies.advise.pool_load import is_beyond_pool
from loadtest.studies.advise.samples.sample import TrafficSample
from loadtest.studies.advise.scaling import simulated
from loadtest.studies.advise.service import BadService, Service
from loadtest.studies.advise.situations import Situation, staged
from loadtest.studies.advise.small_service import LASTS_S
from loadtest.studies.advise.trials import Trials, TrialWorld
from loadtest.workload.toml_writer import as_toml


def advise(
    scenario: Annotated[str | None, typer.Argument(help="A scenario, by name or file, to take numbers from.")] = None,
    keys: Annotated[int | None, typer.Option(help="Keys that are asked for.")] = None,
    zipf: Annotated[float | None, typer.Option(help="Exponent of Zipf's law. Default: all keys alike.")] = None,
    rate: Annotated[float | None, typer.Option(help="Requests per second, all pods together.")] = None,
    ttl: Annotated[str | None, typer.Option(help="As 60s or 5m.")] = None,
    origin: Annotated[str | None, typer.Option(help="A read's time: 350ms, or lognormal(200, 0.5) in ms.")] = None,
    pool: Annotated[int | None, typer.Option(help="Connections to the origin, all pods together.")] = None,
    pods: Annotated[int | None, typer.Option(help="Processes that serve. Default: 1.")] = None,
    max_age: Annotated[str | None, typer.Option(help="The oldest answer allowed, as 90s. Default: the TTL.")] = None,
    max_wait: Annotated[str | None, typer.Option(help="The longest p99 allowed, as 200ms. Default: none.")] = None,
    access_log: AccessLog = None,
    monitor: Monitor = None,
    trace: KeyTrace = None,
    key_pattern: KeyPattern = None,
    key_field: KeyField = None,
    check: Annotated[bool, typer.Option("--check", help="Run it and the baseline as real processes too.")] = False,
    check_rate: CheckRate = None,
    check_for: CheckFor = LASTS_S,
    seed: Seed = 1,
    workers: Workers = None,
    markdown: Markdown = None,
    results: Results = RESULTS,
) -> None:
    """Say which strategy a service of yours needs: simulated in four situations, with costs and break-evens."""
    if not check and (check_rate is not None or check_for != LASTS_S):
        fail(f"{'--check-rate' if check_rate is not None else '--check-for'}: it needs --check")
    sample = sampled(access_log, monitor, trace, key_pattern, key_field)
    counts = {"keys": keys, "rate_per_s": rate, "zipf": zipf, "pool": pool, "pods": pods}
    times = {"ttl_s": ttl, "origin": origin, "max_age_s": max_age, "max_wait_ms": max_wait}
    try:
        service = _service(scenario, sample, stated(counts, times))
        made = checkable(service, check_rate, check_for) if check else None
    except BadService as error:
        fail(in_options(str(error)))
    folder = run_folder(results, "advise", this_run(seed, is_virtual=True) | VIRTUAL)
    found = _advised(service, seed, workers)
    found = replace(found, commands=tuple(_commands(found)))
    with guarded_here():
        _keep(found, folder)
        _print(found)
        if sample is not None:
            keep_sample(sample, service, folder)
            for sentence in sample.why_too_short(service.ttl_s):
                warn([f"The sample is short. {sentence}"])
    files = checked = None
    if found.best is not None:
        known = discovered()
        files = own_files(found.best, service, known, seed)
        keep_own_files(files, folder)
        if made is not None:
            checked = check_advice(found.best, made, known, folder, seed)
    elif check:
        warn(["--check: no strategy is advised, so that there is nothing to check"])
    keep_pages(found, folder, files, checked)
    if markdown is not None:
        write_beside(markdown, as_markdown(found, files, checked), "# Advice")
    console.print(f"Report: {named(folder / 'report.html')}", soft_wrap=True, highlight=False)
    if checked is not None and not checked.holds:
        fail("the native run does not confirm the advice, see above", code=3)


def _service(scenario: str | None, sample: TrafficSample | None, given: Mapping[str, Any]) -> Service:
    """The service of scenario or sample, with what was given over their numbers. Raises `BadService`."""
    of_sample = {} if sample is None else sample.fields()
    if {"zipf", "keys"} & {*given}:
        of_sample.pop("shares", None)
    given = {**of_sample, **given}
    if scenario is not None:
        of_file = Service.of_scenario(scenario_named(scenario))
        service = of_file.changed(**({"shares": ()} if "zipf" in given or "keys" in given else {}), **given)
    else:
        whole = completed(given)
        guessed = [name for name in ("pool", "pods", "zipf") if name not in whole]
        service = Service(**whole, guessed=tuple(guessed))
    if service.allowed_age_s < service.ttl_s:
        raise BadService(_too_young(service))
    if not is_beyond_pool(service):
        simulated(service)
    return service


def _too_young(service: Service) -> str:
    return (
        f"max_age_s: {service.allowed_age_s:g} s is less than the TTL of {service.ttl_s:g} s, until which every entry "
        "is served: state a shorter --ttl, or allow that age"
    )


def _advised(service: Service, seed: int, workers: int | None) -> Advice:
    """The advice, with a progress bar while it is worked out."""

    async def work() -> Advice:
        async with TrialWorld(workers or cores()) as world:
            with runs_progress(RUNS_ABOUT, 0, world.underway) as advance:
                left = iter(range(RUNS_ABOUT))

                def ended(_: Finished) -> None:
                    if next(left, None) is not None:  # it is an estimate
                        advance()

                trials = Trials(world, seed, ended)
                return await advise_service(service, discovered().strategies, trials, seed)

    found: Advice = guarded(work())
    return found


def _commands(found: Advice) -> list[str]:
    """The commands that run the answer's situations again, from the folder of the advice."""
    if found.best is None:
        return []
    return [
        shlex.join(["lab", "sim", "--scenario", f"scenarios/{name}.toml", "--strategies", found.best.strategy])
        for name in (staged(found.simulated, situation).scenario.name for situation in Situation)
    ]


def _keep(found: Advice, folder: Path) -> None:
    """Write advice.json, the reports and the scenarios that were run. Raises OSError."""
    kept = folder / "scenarios"
    kept.mkdir()
    best = found.best
    for situation in Situation:
        scenario = staged(found.simulated, situation, found.nets).scenario
        if best is not None and best.parameters:
            scenario = scenario.with_params(best.strategy, best.parameters)
        write_whole(kept / f"{scenario.name}.toml", as_toml(scenario, kept).rstrip("\n"))
    keep_pages(found, folder)
    keep_and_tell(folder / "advice.json", found.as_dict())


def _print(found: Advice) -> None:
    for at, sentence in enumerate(found.answer):
        console.print(escape(sentence), style="bold" if not at else None, soft_wrap=False, highlight=False)
    headings, lines = table(found)
    if lines:
        shown = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for heading in headings:
            is_name = heading == "strategy"
            shown.add_column(escape(heading), justify="left" if is_name else "right", no_wrap=is_name, overflow="fold")
        for line in lines:
            shown.add_row(*map(escape, line))
        console.print(shown)
        console.print(escape(LEGEND), style="dim", highlight=False)
    for part in parts(found):
        if part.lines:
            console.print(f"\n[bold]{escape(part.heading)}[/]")
            for sentence in part.lines:
                console.print(f"- {escape(sentence)}", highlight=False)
