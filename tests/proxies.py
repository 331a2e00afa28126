"""Proxies in tests, which need programs of the machine: a test whose program is not installed skips, and says so."""

import pytest

from app.proxies.nginx import Nginx, NginxLock, NginxShared, NginxSwr
from app.proxies.varnish import Varnish, VarnishGrace, VarnishNoGrace, VarnishShared
from app.proxy import Proxy

EVERY: tuple[type[Proxy], ...] = (
    Nginx, NginxLock, NginxSwr, NginxShared, Varnish, VarnishNoGrace, VarnishGrace, VarnishShared,
)  # fmt: skip


def program_of(proxy: type[Proxy]) -> str:
    """The path of the program; the test skips where it is not installed."""
    program = proxy.found()
    if program is None:
        pytest.skip(f"{proxy.name} was not tried, because {proxy.program} is not installed: {proxy.install}")
    return program
