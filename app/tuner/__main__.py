"""Runs a tuner: `python -m app.tuner --metrics http://victoriametrics:8428`; the rest is in a pod's environment."""

import argparse
import asyncio
import logging
import signal
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from app.cache import RedisCache
from app.input_faults import refused_settings
from app.settings import Settings
from app.tuner.policy import TtlPolicy
from app.tuner.rates import Rates
from app.tuner.sources import MetricsStore, PodsThemselves
from app.tuner.tuner import EVERY_S, Tuner


class _Unheard:
    """An observer that keeps nothing. Implements `app.cache.CacheEvents`."""

    def command_sent(self, command: str) -> None: ...

    def command_failed(self, command: str) -> None: ...

    def task_died(self, task: str) -> None: ...

    def batch_read(self, keys: int) -> None: ...

    def entry_corrupt(self) -> None: ...

    def counts_dropped(self, accesses: int) -> None: ...


async def tune(settings: Settings, rates: Rates, heartbeat: Path | None) -> None:
    """Tune until SIGTERM or SIGINT."""
    every_s = settings.tuner_every_s or EVERY_S
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    cache = RedisCache(settings, _Unheard())
    done = (lambda: None) if heartbeat is None else heartbeat.touch
    try:
        await cache.start()
        rounds = asyncio.create_task(Tuner(rates, TtlPolicy(settings.ttl_s), cache, every_s, done).run(), name="tuner")
        waiting = asyncio.create_task(over.wait(), name="the end")
        print(f"the tuner sets TTLs every {every_s:g} s", file=sys.stderr)
        await asyncio.wait({rounds, waiting}, return_when=asyncio.FIRST_COMPLETED)
        for task in (rounds, waiting):
            task.cancel()
        with suppress(asyncio.CancelledError):
            await rounds  # raises what it has died of
    finally:
        await cache.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m app.tuner", description="Sets TTLs by request rates.")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--metrics", type=_url, help="the URL of VictoriaMetrics")
    source.add_argument(
        "--pods", type=lambda text: [*map(_url, text.split(","))], help="instead, URLs of pods by comma"
    )
    parser.add_argument("--heartbeat", type=Path, help="a file to touch after each round that did its work")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    rates: Rates = PodsThemselves(asked.pods) if asked.pods else MetricsStore(asked.metrics)
    try:
        asyncio.run(tune(Settings(), rates, asked.heartbeat))
    except ValueError as error:
        print(*refused_settings(error), sep="\n", file=sys.stderr)
        sys.exit(2)


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None
    if parts.scheme != "http" or not parts.hostname:
        raise argparse.ArgumentTypeError(f"{text!r} must be http://host:port")
    return text


if __name__ == "__main__":
    main()
