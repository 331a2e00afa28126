"""Runs a relay: `python -m app.relay --to redis:6379 --port 6379`."""

import argparse
import asyncio
import signal
import socket
import sys
from collections.abc import Sequence

from app.relay.control import Control
from app.relay.way import Way

PORT, CONTROL_PORT = 6379, 6390


async def serve(to: tuple[str, int], listeners: Sequence[socket.socket], control: socket.socket) -> None:
    """Relay what comes to each of the bound sockets, until SIGTERM or SIGINT."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    ways = [Way(*to, seed=number) for number, _ in enumerate(listeners)]
    servers = [await Control(ways).listen(control)]
    servers += [await way.listen(listener) for way, listener in zip(ways, listeners, strict=True)]
    print(f"the relay to {to[0]}:{to[1]} listens", file=sys.stderr)
    await over.wait()
    for server in servers:
        server.close()
    for way in ways:
        way.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m app.relay", description=__doc__)
    parser.add_argument("--to", type=_address, required=True, help="Redis, as host:port")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--control-host", default="127.0.0.1")
    parser.add_argument("--control-port", type=int, default=CONTROL_PORT)
    parser.add_argument("--control-fd", type=int, help="an inherited, bound socket for the control instead")
    parser.add_argument("--fd", type=int, action="append", help="an inherited, bound socket instead; one for each way")
    asked = parser.parse_args()
    try:
        listeners = [socket.socket(fileno=fd) for fd in asked.fd or ()]
        if not listeners:
            listeners = [socket.create_server((asked.host, asked.port))]
        if asked.control_fd is None:
            control = socket.create_server((asked.control_host, asked.control_port))
        else:
            control = socket.socket(fileno=asked.control_fd)
    except (OSError, OverflowError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    asyncio.run(serve(asked.to, listeners, control))


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 1 <= int(port) <= 65_535:
        raise argparse.ArgumentTypeError("must be host:port")
    return host.strip("[]"), int(port)


if __name__ == "__main__":
    main()
