"""Runs one pod: `python -m app --port 8000`. Everything else is in the environment, see `app.settings`."""

import argparse
import asyncio
import logging
import socket
import sys
from importlib.metadata import PackageNotFoundError, version

from app.input_faults import refused_settings
from app.main import create_app
from app.pod_name import pod_name
from app.redis_client import refuse_unsupported
from app.serving import PodServer, connections_within, listen, raise_file_limit, url_of
from app.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m app", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=_port, default=8000)
    parser.add_argument("--fd", type=int, help="serve on this inherited, bound socket instead")
    parser.add_argument("--grace", type=float, help="seconds between SIGTERM and the end; LAB_GRACE_S")
    parser.add_argument("-V", "--version", action="version", version=f"stampede-lab {_version()}")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        settings = Settings() if asked.grace is None else Settings(grace_s=asked.grace)
        if "pod" not in settings.model_fields_set:
            settings = settings.model_copy(update={"pod": pod_name()})
        app = create_app(settings)
        asyncio.run(refuse_unsupported(settings))
        connections = app.state.connections
        connections.most = connections_within(raise_file_limit(), app.state.files_held, connections.most)
        listener = listen(asked.host, asked.port) if asked.fd is None else _inherited(asked.fd)
    except (ValueError, OSError) as error:
        print(*refused_settings(error), sep="\n", file=sys.stderr)
        sys.exit(2)
    print(f"serving on {url_of(listener)}", file=sys.stderr)
    PodServer(app, settings, connections).run(sockets=[listener])


def _version() -> str:
    try:
        return version("stampede-lab")
    except PackageNotFoundError:  # in an image the code lies beside its packages
        return "of no package"


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65_535:
        raise argparse.ArgumentTypeError("a port is a whole number from 0 to 65535")
    return port


def _inherited(fd: int) -> socket.socket:
    try:
        return socket.socket(fileno=fd)
    except (OSError, ValueError, OverflowError) as error:
        raise OSError(f"--fd {fd} is no socket: {error}") from error


if __name__ == "__main__":
    main()
