"""`lab warm`: fills the cache of pods that run, inside a rate, and says when it is ready."""

import os
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from app.input_faults import input_faults
from app.redis_url import checked
from app.warming.plan import WarmingPlan
from app.warming.progress import READY
from loadtest.cli.inputs import chosen, discovered, scenario_named
from loadtest.cli.options import Strategies
from loadtest.cli.running import guarded
from loadtest.cli.terminal import fail, print_text
from loadtest.worlds.docker_stack import DockerStack
from loadtest.worlds.planned_warming import options
from loadtest.worlds.warming_process import Foreign, environment, follow, in_the_stack, of_ones_own, refuse_foreign


def warm(
    strategies: Strategies = None,
    rate_per_s: Annotated[int | None, typer.Option(help="The most loads in any second. Default: 100.")] = None,
    batch: Annotated[int | None, typer.Option(help="Keys that are looked up together. Default: 50.")] = None,
    pause_s: Annotated[float | None, typer.Option(help="Seconds between two batches.")] = None,
    ttl: Annotated[str | None, typer.Option(help="same, spread, anchored, or until. Default: spread.")] = None,
    spread: Annotated[float | None, typer.Option(help="The share of the TTL to expire early by. Default: 0.5.")] = None,
    until: Annotated[str | None, typer.Option(help="With --ttl until: the time of day, such as 00:00.")] = None,
    keys: Annotated[int | None, typer.Option(help="How many, the most popular first. Default: all.")] = None,
    hit_ratio: Annotated[float | None, typer.Option(help="The share to be fresh at the end. Default: 0.99.")] = None,
    sample: Annotated[int | None, typer.Option(help="How many keys to check. Default: all.")] = None,
    rounds_max: Annotated[int | None, typer.Option(help="Rounds at most. Default: 5.")] = None,
    within_s: Annotated[float | None, typer.Option(help="Seconds after which to give up. Default: 600.")] = None,
    redis: Annotated[str | None, typer.Option(help="Of pods of your own, by URL; without it, the stack's.")] = None,
    origin: Annotated[Path | None, typer.Option(help="With --redis: the store's file.")] = None,
    scenario: Annotated[str | None, typer.Option(help="With --redis: what those pods run.")] = None,
) -> None:
    """Fill the cache of pods that run, and check that it is filled. Ctrl-C ends it; what is there stays.

    Exit codes: 0 ready, 1 too few keys are fresh in the end, 2 bad input.
    """
    given = {
        "rate_per_s": rate_per_s, "batch": batch, "pause_s": pause_s, "ttl": ttl, "spread": spread, "keys": keys,
        "until_s": None if until is None else _next(until), "hit_ratio": hit_ratio, "sample": sample,
        "rounds_max": rounds_max, "within_s": within_s,
    }  # fmt: skip
    plan = _plan({name: value for name, value in given.items() if value is not None})
    words = options(plan) if strategies is None else ["--strategies", strategies, *options(plan)]
    if redis is None:
        if origin is not None or scenario is not None:
            fail("--origin and --scenario say what the pods of --redis run; the stack's are asked")
        code = guarded(_warm_the_stack(words))
    else:
        stated = _stated(strategies, origin, scenario)
        try:
            checked(redis)
        except ValueError as error:
            fail(f"--redis: {error}")
        code = guarded(_warm(redis, words, environment(stated, redis)))
    if code != READY:
        raise typer.Exit(code)


def _plan(given: dict[str, Any]) -> WarmingPlan:
    try:
        return WarmingPlan.model_validate(given)
    except ValidationError as error:
        fault = input_faults(error)[0]
        fail(f"{fault.option}{fault.reason.replace('until_s', '--until')}")


def _next(clock: str) -> float:
    """The next moment at which it is that time of day here, in seconds since the epoch."""
    if (match := re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?", clock, re.ASCII)) is None:
        fail(f"--until: {clock!r} is no time of day, such as 23:59 or 00:00:30")
    hour, minute, second = (int(text or 0) for text in match.groups())
    now = datetime.now().astimezone()
    at = now.replace(hour=hour, minute=minute, second=second, microsecond=0)
    return (at if at > now else at + timedelta(days=1)).timestamp()


def _stated(strategies: str | None, origin: Path | None, scenario: str | None) -> dict[str, str]:
    """The settings that are stated for pods of one's own; those of the environment stand where nothing is."""
    stated: dict[str, str] = {}
    if scenario is not None:
        workload = scenario_named(scenario)
        chosen(discovered(), strategies, workload)
        stated |= workload.pod_environment(int(os.environ.get("LAB_SEED") or 1))
    if origin is not None:
        if not origin.absolute().parent.is_dir():
            fail(f"--origin: there is no folder {origin.parent}, so it is not the store of pods that run")
        stated["LAB_ORIGIN_PATH"] = str(origin.absolute())
    return stated


async def _warm_the_stack(words: list[str]) -> int:
    return await follow(await in_the_stack(DockerStack(), words), None, print_text)


async def _warm(redis_url: str, words: list[str], variables: dict[str, str]) -> int:
    try:
        await refuse_foreign(redis_url)
    except Foreign as error:
        fail(f"--redis: {error}")
    return await follow(of_ones_own(words), variables, print_text)
