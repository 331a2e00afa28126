"""Callers who come in by the front door, and what they were answered."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

CALLERS = 4
PAUSE_S = 0.05
"""Between two requests of one caller: what they all ask must not be a load of its own."""
PATH = "/swr/data?id=7"


@dataclass(frozen=True, slots=True)
class Asked:
    """By whom requests were answered, and why the others were not."""

    answered: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)


def ask(client: httpx.Client, asked: Asked) -> None:
    try:
        answer = client.get(PATH)
    except httpx.HTTPError as error:
        asked.failed.append(repr(error))
        return
    if answer.status_code == 200:
        asked.answered[answer.headers["x-served-by"]] += 1
    else:
        asked.failed.append(f"{answer.status_code} {answer.text[:200]}")


def ask_often(url: str, times: int) -> Asked:
    """One request after another, over one connection."""
    asked = Asked()
    with httpx.Client(base_url=url, timeout=10, trust_env=False) as client:
        for _ in range(times):
            ask(client, asked)
    return asked


@contextmanager
def asking(url: str) -> Iterator[Asked]:
    """A few callers for as long as the block runs; each has one request on its way at most."""
    asked, over = Asked(), threading.Event()

    def call() -> None:
        with httpx.Client(base_url=url, timeout=10, trust_env=False) as client:
            while not over.wait(PAUSE_S):
                ask(client, asked)

    callers = [threading.Thread(target=call, name=f"caller {number}") for number in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        yield asked
    finally:
        over.set()
        for caller in callers:
            caller.join()
