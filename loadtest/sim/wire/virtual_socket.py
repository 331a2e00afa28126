"""The socket that a simulated transport shows as its extra info."""

import socket


class VirtualSocket:
    """A socket whose options can be set, and have no effect: Nagle's algorithm, keep-alive, lingering."""

    family, type, proto = socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP

    def __init__(self, name: tuple[str, int], peer: tuple[str, int]) -> None:
        self._name, self._peer = name, peer

    def getsockname(self) -> tuple[str, int]:
        return self._name

    def getpeername(self) -> tuple[str, int]:
        return self._peer

    def setsockopt(self, *_: object) -> None: ...

    def getsockopt(self, *_: object) -> int:
        return 0
