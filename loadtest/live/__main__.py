"""The process of a live page, with the least priority of all: `python -m loadtest.live --fd N --parent PID`."""

import argparse
import asyncio
import os
import socket

from loadtest.worlds.child_processes import HAS_DEATH_SIGNAL, die_with_parent

NICENESS = 19
"""The page's priority, the least there is: it takes the CPU that no part of the run asks for."""


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--fd", type=int, required=True)
    options.add_argument("--parent", type=int, required=True)
    stated = options.parse_args()
    os.nice(NICENESS)
    if HAS_DEATH_SIGNAL:
        die_with_parent(stated.parent)
    from loadtest.live.live_page import serve  # here, because its imports take a second of CPU

    asyncio.run(serve(socket.socket(fileno=stated.fd)))


if __name__ == "__main__":
    main()
