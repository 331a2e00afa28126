"""What is said of a target that is no pod."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest

from loadtest.generator.pods import NoPods, ask_pod, ask_pods
from loadtest.generator.targets import Targets
from loadtest.worlds.python_server import free_port
from tests.loadtest.generator.liar import Honest, serving


class NoPod(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


class Mute(NoPod):
    def do_GET(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (NoPod, "{} is no pod: /strategies is answered with 404"),
        (Mute, "{} is no pod: what /strategies answers is not what a pod says"),
    ],
)
def test_a_server_of_another_kind_is_named_as_no_pod(handler: type[BaseHTTPRequestHandler], said: str) -> None:
    with serving(handler) as url, pytest.raises(NoPods) as caught:
        ask_pod(url)
    assert str(caught.value).startswith(said.format(url))


def test_whoever_of_the_pods_does_not_answer_is_named() -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    with serving(Honest) as url:
        asks: list[Callable[[], object]] = [lambda: ask_pod(dead), lambda: ask_pods(Targets(f"{url},{dead}"))]
        for ask in asks:
            with pytest.raises(NoPods) as caught:
                ask()
            assert str(caught.value).startswith(f"{dead} does not answer: ")
