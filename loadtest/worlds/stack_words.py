"""The words of `docker` that reach what is inside the stack's containers: Redis, the relay, and a pod's origin."""

import json
from collections.abc import Mapping
from typing import Any

from app.troubled_store import PATH
from loadtest.worlds.docker_stack import Container

Words = tuple[str, ...]
POD_PORT = 8000
SPARE_S = 5.0
"""How much longer the relay and the origin keep up a fault than it is to last, should nothing be left to end it."""
_ASK = "exec 3<>/dev/tcp/127.0.0.1/{port} && printf '%s' \"$0\" >&3 && grep -q -m1 ' 200 ' <&3"
"""The request in bash's own TCP: a Python of its own would take CPU from the pod that it breaks."""


def redis_cli(redis: Container, *words: str) -> Words:
    """The command that asks Redis in its container; the exit code tells of an error reply."""
    return ("exec", redis.id, "redis-cli", "-e", *words)


def relay_begins(relay: Container, trouble: Mapping[str, Any], for_s: float) -> Words:
    """The command that begins a trouble of the relay."""
    return _tell(relay, {"begin": dict(trouble), "for_s": for_s + SPARE_S})


def relay_ends(relay: Container, kind: str) -> Words:
    """The command that ends a trouble of the relay."""
    return _tell(relay, {"end": kind})


def origin_begins(pod: Container, fault: Mapping[str, Any], for_s: float) -> Words:
    """The command that begins a fault of a pod's origin."""
    body = json.dumps({**fault, "for_s": for_s + SPARE_S})
    head = f"PUT {PATH} HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return _asked(pod, head + body)


def origin_ends(pod: Container, kind: str) -> Words:
    """The command that ends a fault of a pod's origin."""
    return _asked(pod, f"DELETE {PATH}/{kind} HTTP/1.0\r\n\r\n")


def answers(container: Container) -> Words:
    """The command that ends well once what runs in a container of Redis or of a pod answers."""
    if container.service == "redis":
        return redis_cli(container, "ping")
    return _asked(container, "GET /healthz HTTP/1.0\r\n\r\n")


def _tell(relay: Container, order: Mapping[str, Any]) -> Words:
    return ("exec", relay.id, "python", "-m", "app.relay.tell", json.dumps(order))


def _asked(pod: Container, request: str) -> Words:
    return ("exec", pod.id, "bash", "-c", _ASK.format(port=POD_PORT), request)
