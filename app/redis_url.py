"""The URL of Redis: which ones the lab takes, and how one is shown: its secrets are printed nowhere, nor quoted.

A query may set what it takes to get in, and nothing else: an option that changes what replies look like, or how long
a command may take, would change the lab without its knowing. redis-py lets a URL's options win over the caller's.
"""

import re
from urllib.parse import parse_qsl, urlsplit

SCHEMES = ("redis", "rediss", "unix")
_OPTIONS = {"db", "username", "password", "client_name"}
_TLS_OPTIONS = {
    "ssl_keyfile", "ssl_certfile", "ssl_cert_reqs", "ssl_ca_certs", "ssl_ca_path", "ssl_ca_data", "ssl_check_hostname",
    "ssl_min_version", "ssl_ciphers", "ssl_password",
}  # fmt: skip
_PLAIN_HOST = re.compile(r"[A-Za-z0-9._:-]*")


def checked(url: str) -> str:
    """The URL as it is. Raises ValueError naming what the lab does not take, without quoting any value."""
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
    return url


def shown(url: object) -> str:
    """The URL without its secrets: where the server is, and no more."""
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
