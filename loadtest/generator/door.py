"""Access control of Locust's web UI: only its own pages may post, and only numbers.

Locust takes any option from any web page by a form, so that a page could direct the load anywhere and write files. Here
the targets, the paths and the files are fixed when the process starts. The form takes users, spawn rate, run time, rate
and seed.

Requests are accepted from the UI's own pages only. The `Host` header is checked against DNS rebinding, and `Origin`
against posts of other pages. Pods and the exporter need no such check: they answer GET only, change nothing, and hold
no secret.
"""

import ipaddress
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, jsonify, make_response, request
from locust.util.timespan import parse_timespan

from loadtest.workload.traffic import RATE_MAX

USERS_MAX = 100_000
_RUN_TIME_S_MAX = 366 * 86_400


def _at_most(most: float, least: float = 0.0) -> Callable[[str], None]:
    def check(text: str) -> None:
        number = float(text)
        if not (math.isfinite(number) and least <= number <= most):
            raise ValueError(f"must be a number from {least:g} to {most:g}, not {text!r}")

    return check


def _run_time(text: str) -> None:
    if text and not 0 < parse_timespan(text) <= _RUN_TIME_S_MAX:
        raise ValueError(f"must be a time such as 90s, 20m or 1h30m, not {text!r}")


def _seed(text: str) -> None:
    if not text.isdecimal():
        raise ValueError(f"must be a whole number from 0 on, not {text!r}")


FORM: Mapping[str, Callable[[str], None]] = {
    "user_count": _at_most(USERS_MAX),
    "spawn_rate": _at_most(USERS_MAX, 0.001),
    "run_time": _run_time,
    "rate": lambda text: _at_most(RATE_MAX, 0.001)(text) if text else None,
    "lab_seed": _seed,
}
"""The fields that `/swarm` accepts, and the check of each."""


UNCHOSEN: Mapping[str, str] = {"user_classes": "LabUser", "shape_class": "Default"}
"""The fields that the UI's form sends although they offer no choice here, with their only value."""


def close_door(app: Flask, names: Sequence[str], options: Mapping[str, Any]) -> None:
    """Check every request before Locust sees it; a form may repeat one of `options`, which changes nothing.

    `names` are the hosts of the UI besides loopback's.
    """
    allowed = {"localhost", *(name.strip().lower() for name in names if name.strip())}

    @app.before_request
    def check() -> Response | None:
        host = request.environ.get("HTTP_HOST")
        if host is not None and not _is_allowed(host, allowed):
            return _refuse(421, f"this UI is not called {host!r}: state its name with --web-names")
        if not _is_from_here(host):
            return _refuse(403, "only from this UI's own pages")
        if request.method in ("GET", "HEAD", "OPTIONS") or request.path.endswith(("/stop", "/stats/reset", "/login")):
            return None
        if not request.path.endswith("/swarm"):
            return _refuse(403, "the users are the lab's, and fixed when it starts")
        return next((_refuse(403, said) for said in map(_said, request.form, request.form.values()) if said), None)

    def _said(field: str, text: str) -> str:
        """The complaint about a field of the form; empty where it is right."""
        if field not in FORM:
            same = text in ("", str(options.get(field)), UNCHOSEN.get(field))
            return "" if same else f"{field} is fixed when the process starts: state it as an option"
        try:
            FORM[field](text)
        except ValueError as error:
            return f"{field}: {error}"
        return ""


def _is_allowed(host: str, allowed: set[str]) -> bool:
    name = _name_of(host)
    if name in allowed:
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _name_of(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_from_here(host: str | None) -> bool:
    """Whether a request comes from the UI's own pages or from outside any browser."""
    origin = request.headers.get("Origin")
    if request.method not in ("GET", "HEAD"):
        origin = origin or request.headers.get("Referer")
    elif request.headers.get("Sec-Fetch-Mode") == "navigate":
        return True  # a link to the UI: the answer is shown to the user who clicked
    if origin is not None:
        return host is not None and urlsplit(origin).netloc == host
    return request.headers.get("Sec-Fetch-Site", "none") in ("same-origin", "none")


def _refuse(code: int, why: str) -> Response:
    return make_response(jsonify({"success": False, "message": why}), code)
