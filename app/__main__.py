"""Runs one pod: `python -m app --port 8000`. Everything else is in the environment, see `app.settings`."""

import argparse
import logging
import socket
import sys

import uvicorn
from pydantic import ValidationError

from app.main import create_app
from app.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m app", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--fd", type=int, help="serve on this inherited, bound socket instead")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        listener = _listener(asked.host, asked.port, asked.fd)
        app = create_app(Settings())
    except ValidationError as error:
        for fault in error.errors():
            name = "_".join(str(part) for part in fault["loc"]).upper()
            print(f"LAB_{name}: {fault['msg']} (given: {fault['input']!r})", file=sys.stderr)
        sys.exit(2)
    except (ValueError, OSError, OverflowError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    # The lab's own metrics count requests; what uvicorn would add to each answer is left out (see `make hitpath`).
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, proxy_headers=False, server_header=False, date_header=False
    )
    print("serving on http://{}:{}".format(*listener.getsockname()), file=sys.stderr)
    uvicorn.Server(config).run(sockets=[listener])


def _listener(host: str, port: int, fd: int | None) -> socket.socket:
    """A bound socket. Raises OSError naming the address."""
    if fd is not None:
        return socket.socket(fileno=fd)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OSError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    return listener


if __name__ == "__main__":
    main()
