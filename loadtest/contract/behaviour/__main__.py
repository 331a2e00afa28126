"""The process of an examination: it asks a contender some probes, and writes each finding as a line of JSON.

`python -m loadtest.contract.behaviour <contender> <world> <probe>…`. Libraries may print, hang in threads or swallow
what would end them, so they have a process of their own, which its owner ends. What they write goes to the log.
"""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from app.contender import Contender
from app.contender_strategy import ContenderStrategy
from app.discovery import discover
from loadtest.contract.behaviour.bench import error_at
from loadtest.contract.behaviour.finding import NATIVE, VIRTUAL, BehaviourFinding
from loadtest.contract.behaviour.native import found_natively
from loadtest.contract.behaviour.probe import Probe
from loadtest.contract.behaviour.probes import PROBES
from loadtest.contract.behaviour.virtual import found_in_virtual_time


def main(name: str, world: str, asked: Sequence[str]) -> None:
    told = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints is no finding
    logging.disable()  # a library that logs each error of an outage would spend its time on that
    contender = _contender(name)
    told.write("ready\n")
    for probe in PROBES:
        if probe.name in asked:
            told.write(json.dumps(asdict(_found(contender, world, probe))) + "\n")
    told.flush()
    os._exit(0)  # threads that a library has left would be waited for


def _found(contender: type[Contender], world: str, probe: Probe) -> BehaviourFinding:
    try:
        if world == VIRTUAL:
            return found_in_virtual_time(contender, probe)
        return asyncio.run(found_natively(contender, probe, Path.cwd()))
    except Exception as error:
        return probe.unknown(error_at(error, str(sys.modules[contender.__module__].__file__)))


def _contender(name: str) -> type[Contender]:
    found = discover(contenders=True).contenders[name]
    assert issubclass(found, ContenderStrategy)
    return found.contender


if __name__ == "__main__":
    assert sys.argv[2] in {VIRTUAL, NATIVE}
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
