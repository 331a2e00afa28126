"""The URL of Redis: the forms that the lab takes, and how one is shown; its secrets are never printed or quoted.

Its query may set options of access and the version of Redis's protocol, and no others. redis-py lets a URL's options
win over the caller's, so that one about time-outs or the decoding of replies would change the lab unseen.

A URL that can never reach a server is refused at the start: later it would look like a Redis that is away.
"""

import re
import sys
from os import fsencode
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from redis.asyncio.connection import ConnectionPool, SSLConnection

SCHEMES = ("redis", "rediss", "unix")
_OPTIONS = {"db", "username", "password", "client_name", "protocol"}
PROTOCOLS = ("2", "3")
"""The versions of Redis's protocol, RESP; without the option it is 2."""
_TLS_OPTIONS = {
    "ssl_keyfile", "ssl_certfile", "ssl_cert_reqs", "ssl_ca_certs", "ssl_ca_path", "ssl_ca_data", "ssl_check_hostname",
    "ssl_min_version", "ssl_ciphers", "ssl_password",
}  # fmt: skip
SOCKET_PATH_BYTES_MAX = 103 if sys.platform == "darwin" else 107
"""The longest path of a socket that the system takes: `sun_path` in <sys/un.h>, less its last byte."""
_CERT_REQS = ("none", "optional", "required")
_PLAIN_HOST = re.compile(r"[A-Za-z0-9._:-]*")


def checked(url: str) -> str:
    """The URL, unchanged. Raises ValueError naming the part that the lab does not take, and quotes no value."""
    if re.search(r"[\s\x00-\x1f]", url):
        raise ValueError("a URL has no spaces")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:  # whose text quotes it
        raise ValueError("no valid URL; special characters of a password are written as %XX") from None
    if parts.scheme not in SCHEMES:
        raise ValueError(f"must begin with one of {', '.join(f'{scheme}://' for scheme in SCHEMES)}")
    if parts.fragment or "@" in parts.path + parts.query:
        raise ValueError("special characters of a password are written as %XX: # / ? @")
    if parts.scheme != "unix" and not re.fullmatch(r"/?|/[0-9]+", parts.path):
        raise ValueError("its path is the number of a database, as in /0")
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    allowed = _OPTIONS | (_TLS_OPTIONS if parts.scheme == "rediss" else set())
    for name, value in pairs:
        if name not in allowed:
            raise ValueError(f"its option {name!r} cannot be set here (there is {', '.join(sorted(allowed))})")
        if not value or [given for given, _ in pairs].count(name) > 1:
            raise ValueError(f"its option {name!r} is set once, to something")
        if name == "db" and not value.isdecimal():
            raise ValueError("its option 'db' is the number of a database")
        if name == "protocol" and value not in PROTOCOLS:
            raise ValueError(f"its option 'protocol' is one of {', '.join(PROTOCOLS)}")
    _check_place(parts)
    if parts.scheme == "rediss":
        _check_tls(url, dict(pairs))
    return url


def _check_place(parts: SplitResult) -> None:
    """Raise ValueError where the address can be that of no server."""
    if parts.scheme == "unix":
        path = fsencode(unquote(parts.path))
        if path in (b"", b"/") or b"\0" in path or len(path) > SOCKET_PATH_BYTES_MAX:
            raise ValueError(f"after unix:// comes the path of a socket, of at most {SOCKET_PATH_BYTES_MAX} bytes")
        if parts.netloc.rpartition("@")[2]:  # redis-py would leave it out of the path
            raise ValueError("the path of a socket begins with a slash, as in unix:///run/redis.sock")
        return
    if parts.port == 0:  # for redis-py that is none: it would ask 6379
        raise ValueError("its port is a number from 1 to 65535")
    try:
        host = unquote(parts.hostname or "")
        is_a_name = "\0" not in host
        host.encode("idna")  # as `socket.getaddrinfo` does
    except UnicodeError:
        is_a_name = False
    if not is_a_name:
        raise ValueError("its host is no name that can be looked up")


def _check_tls(url: str, options: dict[str, str]) -> None:
    """Raise ValueError where the TLS options make no connection."""
    if options.get("ssl_cert_reqs", "none") not in _CERT_REQS:
        raise ValueError(f"its option 'ssl_cert_reqs' is one of {', '.join(_CERT_REQS)}")
    for name in ("ssl_keyfile", "ssl_certfile", "ssl_ca_certs"):
        if name in options and not Path(options[name]).is_file():
            raise ValueError(f"its option {name!r} names no file that is there")
    if "ssl_ca_path" in options and not Path(options["ssl_ca_path"]).is_dir():
        raise ValueError("its option 'ssl_ca_path' names no folder that is there")
    try:
        connection = ConnectionPool.from_url(url).make_connection()  # type: ignore[no-untyped-call]
        assert isinstance(connection, SSLConnection)
        connection.ssl_context.get()
    except (OSError, ValueError, OverflowError, TypeError):  # whose texts may quote a value
        given = ", ".join(sorted(_TLS_OPTIONS & options.keys())) or "none is set"
        raise ValueError(f"no TLS connection can be made with its options ({given})") from None


def shown(url: object) -> str:
    """The URL without its secrets: the address of the server, and `***` for the rest."""
    try:
        parts = urlsplit(str(url))
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "***"
    if parts.scheme not in SCHEMES or "@" in parts.path + parts.query + parts.fragment or parts.fragment:
        return "***"
    if not _PLAIN_HOST.fullmatch(host):
        return f"{parts.scheme}://***"
    host = f"[{host}]" if ":" in host else host
    path = parts.path if parts.scheme == "unix" or re.fullmatch(r"/?[0-9]*", parts.path) else "/***"
    who = "***@" if "@" in parts.netloc else ""
    return f"{parts.scheme}://{who}{host}{'' if port is None else f':{port}'}{path}{'?***' if parts.query else ''}"
