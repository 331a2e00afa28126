"""The pods that a load is sent to: named one by one, or all that a DNS name stands for at the moment."""

import socket
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

DNS = "dns:"
LOOK_EVERY_S = 2.0
LEAVE_ALONE_S = 5.0
"""Seconds for which a pod that could not be reached is left out, if its name still stands for it."""


class BadTargets(ValueError):
    """A named target is no pod; the text says why, and what a target is."""


class Targets:
    """The pods to ask in turn.

    A list of URLs is fixed, and a request to it that fails is a figure. Behind `dns:host:port` pods come and go. There
    the load follows the name as a balancer would, and asks another pod when one cannot be reached.
    """

    def __init__(self, text: str) -> None:
        """Read URLs by comma, or `dns:host:port`. Raises `BadTargets`, and OSError for a name without address."""
        self.follows_dns = text.startswith(DNS)
        self._left_alone_until_s: dict[str, float] = {}
        if self.follows_dns:
            self._host, self._port = _host_and_port(text)
            self.urls: Sequence[str] = self._look()
        else:
            self.urls = [pod_url(one) for one in text.split(",")]

    def pick(self, turn: int) -> str:
        """The pod for turn `turn`: round robin over those that can be reached."""
        urls = self.urls
        if self._left_alone_until_s:
            now_s = time.monotonic()
            urls = [url for url in urls if self._left_alone_until_s.get(url, 0.0) <= now_s] or urls
        return urls[turn % len(urls)]

    def leave_alone(self, url: str) -> None:
        """Leave out a pod that could not be reached, for `LEAVE_ALONE_S`."""
        self._left_alone_until_s[url] = time.monotonic() + LEAVE_ALONE_S

    def follow(self) -> None:
        """Look the DNS name up again; the pods stay as they were where that fails."""
        if not self.follows_dns:
            return
        try:
            self.urls = self._look()
        except OSError:
            return
        self._left_alone_until_s = {
            # a list, since the open loop's thread may leave a pod alone meanwhile
            url: until_s
            for url, until_s in list(self._left_alone_until_s.items())
            if url in self.urls
        }

    def _look(self) -> list[str]:
        found = socket.getaddrinfo(self._host, self._port, socket.AF_INET, socket.SOCK_STREAM)
        return sorted({f"http://{address[0]!s}:{self._port}" for *_, address in found})


def pod_url(text: str) -> str:
    """The `http://host:port` of a target as people write it, as without a scheme. Raises `BadTargets`."""
    text = text.strip()
    told = _told(text)
    url = urlsplit(text if "://" in text else f"http://{text}")
    try:
        port = url.port
    except ValueError:
        raise BadTargets(f"{told}: its port is none") from None
    if url.scheme != "http":
        raise BadTargets(f"{told}: pods speak http, not {url.scheme}: name http://host:port")
    if not url.hostname or any(letter.isspace() for letter in url.netloc):
        raise BadTargets(f"{told} names no host: http://host:port, more than one by comma")
    if url.path.strip("/") or url.query or url.fragment or url.username is not None:
        raise BadTargets(f"{told}: only http://host:port, without user, path or query: the lab asks /STRATEGY/data")
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return f"http://{host}:{port}" if port else f"http://{host}"


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.removeprefix(DNS).rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise BadTargets(f"{_told(text)}: name dns:host:port, such as dns:app:8000")
    return host, int(port)


def _told(text: str) -> str:
    """The target as it was written, without what stands before an @: that may be a password."""
    return repr(f"…@{text.rpartition('@')[2]}" if "@" in text else text)
