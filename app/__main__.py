"""Runs one pod: `python -m app --port 8000`. Everything else is in the environment, see `app.settings`."""

import argparse
import asyncio
import logging
import re
import socket
import sys
from importlib.metadata import PackageNotFoundError, version

from pydantic import ValidationError
from pydantic_settings import SettingsError

from app.main import create_app
from app.pod_name import pod_name
from app.redis_client import refuse_unsupported
from app.serving import PodServer, connections_within, listen, raise_file_limit, url_of
from app.settings import Settings

GIVEN_CHARS_MAX = 100
"""The length at which a bad value is cut, in the message about it."""


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
    except ValidationError as error:
        for fault in error.errors():
            print(_told(fault["loc"], fault["msg"], fault["input"]), file=sys.stderr)
        sys.exit(2)
    except SettingsError as error:  # a ValueError too, whose text does not say what is wrong
        name = re.sub(r'.*field "(\w+)".*', r"\1", str(error)).upper()
        print(f"LAB_{name}: {error.__cause__ or error}: it must be a JSON object", file=sys.stderr)
        sys.exit(2)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    print(f"serving on {url_of(listener)}", file=sys.stderr)
    PodServer(app, settings, connections).run(sockets=[listener])


def _version() -> str:
    try:
        return version("stampede-lab")
    except PackageNotFoundError:  # in an image the code lies beside its packages
        return "of no package"


def _told(place: tuple[int | str, ...], message: str, given: object) -> str:
    """The message about a bad setting, under the name of the variable that sets it."""
    if not place:
        return f"error: {message}"
    name, *within = map(str, place)
    inside = "".join(f".{part}" for part in within)
    shown = "" if name == "redis_url" else f" (given: {given!r:.{GIVEN_CHARS_MAX}})"  # that one may hold a password
    return f"LAB_{name.upper()}{inside}: {message}{shown}"


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
