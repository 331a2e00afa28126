"""Warms the cache beside the pods, with their environment: `python -m app.warming --strategies swr --rate-per-s 200`.

Exit codes: 0 ready, 1 too few keys are fresh in the end, 2 bad input, 130 interrupted.
"""

import argparse
import asyncio
import logging
import os
import re
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from app.discovery import discover
from app.input_faults import input_faults, refused_settings
from app.redis_client import refuse_unsupported
from app.settings import Settings
from app.strategy import Strategy
from app.strategy_groups import UnknownStrategy
from app.warming.job import WarmingJob
from app.warming.plan import WarmingPlan
from app.warming.progress import BAD_INPUT, INTERRUPTED, NOT_READY, READY

LINE_BYTES_MAX = 64


def parser() -> argparse.ArgumentParser:
    """The parser of the command line: an option for each field of a plan, and those of the process."""
    made = argparse.ArgumentParser(prog="python -m app.warming", description=__doc__, allow_abbrev=False)
    made.add_argument("--strategies", help="by comma, or all; default: those that run by default")
    made.add_argument("--part", default="1/1", help="which of several warmers this is, such as 2/8")
    made.add_argument(
        "--on-line", action="store_true", help="wait for a line with the moment that --until-s counts from"
    )
    made.add_argument("--ledger", type=Path, help="write the reads of the origin into this file, at the end")
    made.add_argument("--until-eof", action="store_true", help="end when standard input does, as does --on-line")
    for name, field in WarmingPlan.model_fields.items():
        made.add_argument(f"--{name.replace('_', '-')}", help=f"default: {field.default}")
    return made


def main(words: Sequence[str] | None = None) -> int:
    asked = parser().parse_args(words)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    given = {name: value for name in WarmingPlan.model_fields if (value := getattr(asked, name)) is not None}
    try:
        plan = WarmingPlan.model_validate(given)
    except ValidationError as error:
        for fault in input_faults(error):
            print(f"error: {fault.option}{fault.reason}", file=sys.stderr)
        return BAD_INPUT
    try:
        settings = Settings()
        if "pod" not in settings.model_fields_set:
            settings = settings.model_copy(update={"pod": "warmer"})
        job = WarmingJob(settings, plan, _chosen(asked.strategies, settings), _part(asked.part), _say)
        asyncio.run(refuse_unsupported(settings))
    except (ValueError, OSError) as error:
        print(*refused_settings(error), sep="\n", file=sys.stderr)
        return BAD_INPUT
    code = asyncio.run(_run(job, asked.on_line, asked.until_eof))
    if asked.ledger is not None:
        job.write_ledger(asked.ledger)
    return code


def _part(text: str) -> tuple[int, int]:
    if (match := re.fullmatch(r"(\d{1,4})/(\d{1,4})", text)) is None or not 1 <= int(match[1]) <= int(match[2]):
        raise ValueError(f"--part: {text!r} must be a number of several, from 1/1 on")
    return int(match[1]), int(match[2])


def _chosen(text: str | None, settings: Settings) -> dict[str, type[Strategy]]:
    found = discover(settings.references, settings.wrong)
    if text in found.references:
        return {text: found.references[text]}
    try:
        return {name: found.runnable[name] for name in found.choose(text or "")}
    except UnknownStrategy as error:
        raise ValueError(f"--strategies: {error}") from None


def _say(text: str) -> None:
    print(text, flush=True)


async def _run(job: WarmingJob, on_line: bool, until_eof: bool) -> int:
    """Run the job until it is over, a signal comes, or standard input ends."""
    loop = asyncio.get_running_loop()
    line: asyncio.Future[float] = loop.create_future()
    work = asyncio.ensure_future(job.run((lambda: line) if on_line else None))
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, work.cancel)
    if listens := on_line or until_eof:
        loop.add_reader(sys.stdin.fileno(), partial(_hear, line, work))
    try:
        return READY if await work else NOT_READY
    except asyncio.CancelledError:
        told = "; ".join(map(str, job.progress)) or "nothing was begun"
        _say(f"interrupted: {told}")
        return INTERRUPTED
    finally:
        if listens:
            loop.remove_reader(sys.stdin.fileno())


def _hear(line: "asyncio.Future[float]", work: "asyncio.Future[bool]") -> None:
    """Hear what standard input says: the moment, or its end, which ends the work."""
    said = os.read(sys.stdin.fileno(), LINE_BYTES_MAX)
    try:
        if said and not line.done():
            line.set_result(float(said))
    except ValueError:
        _say(f"no moment: {said[:LINE_BYTES_MAX]!r}")
        said = b""
    if not said:
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        work.cancel()


if __name__ == "__main__":
    sys.exit(main())
