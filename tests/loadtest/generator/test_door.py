"""Locust's real web UI, asked as its own page asks, and as others would."""

import json
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from loadtest.worlds.python_server import free_port
from tests.loadtest.generator.liar import OPEN, Honest, locust, scenario, serving

SWARM = {"user_count": "1", "spawn_rate": "1"}


class Ui:
    """The UI of a Locust that sends to `pod`."""

    def __init__(self, port: int, pod: str) -> None:
        self.port, self.pod = port, pod
        self.host = f"127.0.0.1:{port}"

    def ask(self, path: str, form: dict[str, str] | str | None = None, **headers: str) -> int:
        """The code of the answer; a form makes it a POST."""
        data = None if form is None else (form if isinstance(form, str) else urllib.parse.urlencode(form)).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        asked = urllib.request.Request(f"http://{self.host}{path}", data, named)
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                self.said = answer.read().decode()
                return int(answer.status)
        except urllib.error.HTTPError as error:
            self.said = error.read().decode()
            return error.code

    def state(self) -> str:
        assert self.ask("/stats/requests") == 200
        return str(json.loads(self.said)["state"])


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    folder, port = tmp_path_factory.mktemp("ui"), free_port()
    path = scenario(folder, OPEN.format(rate=20))
    with ExitStack() as stack:
        pod = stack.enter_context(serving())
        options = ("--host", pod, "--web-host", "127.0.0.1", "--web-port", str(port), "--web-names", "lab.example")
        process = stack.enter_context(locust(path, *options))
        give_up_s = time.monotonic() + 30
        while time.monotonic() < give_up_s:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        assert process.poll() is None
        yield Ui(port, pod)


FOREIGN = {"Origin": "http://evil.example"}


@pytest.mark.parametrize("path", ["/swarm", "/stop", "/stats/reset", "/user"])
@pytest.mark.parametrize(
    "headers",
    [
        FOREIGN,
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Referer": "http://evil.example/page"},
        {"Sec_Fetch_Site": "cross-site"},
    ],
    ids=["origin", "null", "another port", "referer", "fetch metadata"],
)
def test_another_page_cannot_post(ui: Ui, path: str, headers: dict[str, str]) -> None:
    assert ui.ask(path, SWARM, **headers) == 403
    assert ui.state() == "ready"


@pytest.mark.parametrize("path", ["/", "/logs", "/stats/requests", "/exceptions", "/tasks"])
def test_another_page_cannot_read(ui: Ui, path: str) -> None:
    assert ui.ask(path, **FOREIGN) == 403
    assert ui.ask(path, Host="evil.example") == 421
    assert ui.ask(path, Host=f"evil.example:{ui.port}") == 421
    assert ui.ask(path) == 200
    assert ui.ask(path, Host=f"localhost:{ui.port}") == 200
    assert ui.ask(path, Host="[::1]:8089") == 200
    assert ui.ask(path, Host="lab.example") == 200, "--web-names"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("targets", "http://127.0.0.1:1"),
        ("host", "http://127.0.0.1:1"),
        ("answers", "/tmp"),
        ("scenario", "/etc/passwd"),
        ("strategy", "other"),
        ("duration", "9"),
        ("metrics_port", "9"),
        ("html_file", "/tmp/report.html"),
        ("csv_prefix", "/tmp/stats"),
        ("json_file", "/tmp/stats"),
        ("logfile", "/tmp/log"),
        ("user_classes", "Other"),
        ("shape_class", "Other"),
        ("profile", "other"),
        ("headless", "true"),
        ("lab_deal", "{}"),
        ("rate", "nan"),
        ("rate", "-1"),
        ("rate", "1e12"),
        ("run_time", "for ever"),
        ("lab_seed", "-1"),
        ("user_count", "inf"),
    ],
)
def test_nothing_but_numbers_can_be_said_by_a_form(ui: Ui, field: str, value: str) -> None:
    assert ui.ask("/swarm", SWARM | {field: value}, Origin=f"http://{ui.host}") == 403
    assert field in json.loads(ui.said)["message"]
    assert ui.state() == "ready"


def test_users_cannot_be_changed(ui: Ui) -> None:
    assert ui.ask("/user", '{"user_class_name": "LabUser", "host": "http://127.0.0.1:1"}') == 403


def test_the_uis_own_page_starts_a_load_at_a_rate_and_stops_it(ui: Ui) -> None:
    Honest.asked_s.clear()
    own = {"Origin": f"http://{ui.host}", "Sec_Fetch_Site": "same-origin"}
    form = SWARM | {"host": ui.pod, "rate": "100", "run_time": "", "lab_seed": "3", "user_classes": "LabUser"}
    assert ui.ask("/swarm", form, **own) == 200, ui.said
    assert json.loads(ui.said)["success"]
    time.sleep(3)
    assert 100 < len(Honest.asked_s) < 350
    assert ui.ask("/stop", {}, **own) == 200
    time.sleep(0.5)
    sent = len(Honest.asked_s)
    time.sleep(0.5)
    assert len(Honest.asked_s) == sent


def test_what_is_fixed_is_not_in_the_form(ui: Ui) -> None:
    assert ui.ask("/") == 200
    about = json.JSONDecoder().raw_decode(
        ui.said[ui.said.index("window.templateArgs = ") + len("window.templateArgs = ") :]
    )[0]
    assert {*about["extra_options"]} == {"rate", "lab_seed"}
