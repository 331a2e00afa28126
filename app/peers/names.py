"""The text that says who the other pods are: one by one, or by a name of Docker's DNS."""

from collections.abc import Mapping
from dataclasses import dataclass, field

PEERS_MAX = 64
"""The most pods that may be named."""
DNS = "dns:"
Address = tuple[str, int]
"""Host and port."""


@dataclass(frozen=True, slots=True)
class PeerNames:
    """The pods by name, or the service that stands for all of them; neither where there are no others."""

    fixed: Mapping[str, Address] = field(default_factory=dict)
    service: Address | None = None


def read_peers(text: str) -> PeerNames:
    """The pods of a text such as `pod-1=127.0.0.1:8001,pod-2=127.0.0.1:8002` or `dns:app:8000`. Raises ValueError."""
    text = text.strip()
    if text.startswith(DNS):
        return PeerNames(service=_address(text.removeprefix(DNS)))
    fixed: dict[str, Address] = {}
    for one in text.split(",") if text else []:
        name, _, address = one.strip().partition("=")
        if not name.strip() or name in fixed:
            raise ValueError(f"must be name=host:port by comma, each name once, or {DNS}service:port")
        fixed[name] = _address(address)
    if len(fixed) > PEERS_MAX:
        raise ValueError(f"must be at most {PEERS_MAX} pods")
    return PeerNames(fixed)


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or not 1 <= int(port) <= 65_535:
        raise ValueError(f"must be name=host:port by comma, or {DNS}service:port")
    return host.strip("[]"), int(port)
