"""Every setting beyond its bounds: the variable is named, exit code 2, and no trace."""

import json
import sys
from pathlib import Path

import pytest
from annotated_types import Ge, Le, Lt

import app.__main__
from app.settings import Settings
from app.slowdown import Slowdown

NUMBERS = {name: field for name, field in Settings.model_fields.items() if field.annotation in {int, float}}
JUNK = ("", "abc", "nan", "1e400", "-1e400", "9" * 5_000, "[]", "\x1b[31m", "\u0663\u0663 ms")


def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> str:
    """What the pod says before it ends with 2."""
    monkeypatch.setenv(f"LAB_{name.upper()}", value)
    monkeypatch.setattr(sys, "argv", ["app", "--port", "0"])
    with pytest.raises(SystemExit) as ended:
        app.__main__.main()
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.fixture(autouse=True)
def a_store_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_ORIGIN_PATH", str(tmp_path / "origin.sqlite"))
    monkeypatch.chdir(tmp_path)


def beyond(name: str) -> list[str]:
    """A little below the least, a little above the most."""
    found = []
    for bound in NUMBERS[name].metadata:
        if isinstance(bound, Ge):
            found.append(str(bound.ge - 1))  # type: ignore[operator]
        if isinstance(bound, Le):
            found.append(str(bound.le + 1))  # type: ignore[operator]
        if isinstance(bound, Lt):
            found.append(str(bound.lt))
    return found


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_beyond_its_bounds_is_named(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(beyond(name)) == 2, "it has no least or no most"
    for value in (*beyond(name), *JUNK):
        words = said(capsys, monkeypatch, name, value)
        assert words.startswith(f"LAB_{name.upper()}: "), words
        assert value not in beyond(name) or "Input should be " in words
        assert len(words) < 300


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("params", "abc", "LAB_PARAMS: Expecting value: line 1 column 1 (char 0): it must be a JSON object"),
        ("params", "[1]", "LAB_PARAMS: Input should be a valid dictionary"),
        ("params", '{"xfetch": 1}', "LAB_PARAMS.xfetch: Input should be a valid dictionary"),
        ("params", '{"xfetch": {"beta": null}}', "LAB_PARAMS.xfetch.beta.float: Input should be a valid number"),
        (
            "params",
            '{"xfetch": {"beta": 1e400}}',
            "LAB_PARAMS: xfetch.beta: must be a finite number from 0 to 100, not inf",
        ),
        (
            "params",
            '{"xfetch": {"beta": NaN}}',
            "LAB_PARAMS: xfetch.beta: must be a finite number from 0 to 100, not nan",
        ),
        ("params", '{"nobody": {}}', "LAB_PARAMS: params.nobody: no such strategy"),
        ("nets", "abc", "LAB_NETS: Expecting value: line 1 column 1 (char 0): it must be a JSON object"),
        ("nets", '{"stale_if_error_s": -1}', "LAB_NETS.stale_if_error_s: Input should be greater than or equal to 0"),
        ("nets", '{"breaker": {"probes": 0}}', "LAB_NETS.breaker.probes: Input should be greater than or equal to 1"),
        ("nets", '{"stale": 1}', "LAB_NETS.stale: Extra inputs are not permitted"),
        ("nets", '{"soft_timeout_ms": 9, "hard_timeout_ms": 8}', "soft_timeout_ms (9) must be at most hard_timeout_ms"),
        ("redis_url", "redis://:secret@h:99999/0", "LAB_REDIS_URL: no valid URL"),
        ("redis_url", "http://:secret@h", "LAB_REDIS_URL: must begin with one of redis://"),
        ("pod", " ", "LAB_POD: must be printable, and not blank"),
        ("pod", "a\x1b[31mb", "LAB_POD: must be printable, and not blank"),
        ("pod", "x" * 65, "LAB_POD: String should have at most 64 characters"),
        ("references", "perhaps", "LAB_REFERENCES: Input should be a valid boolean"),
        ("origin_latency", "lognormal(0,0)", "LAB_ORIGIN_LATENCY: 'lognormal(0,0)' is not a latency"),
        ("origin_connections_shared", "0", "LAB_ORIGIN_CONNECTIONS_SHARED: Input should be greater than or equal to 1"),
        ("origin_connections_shared", "100001", "LAB_ORIGIN_CONNECTIONS_SHARED: Input should be less than or equal to"),
        ("origin_connections_shared", "2.5", "LAB_ORIGIN_CONNECTIONS_SHARED: Input should be a valid integer"),
        ("origin_slowdown", "abc", "LAB_ORIGIN_SLOWDOWN: must be a JSON object"),
        ("origin_slowdown", '{"knee": -1, "per_read": 1}', "LAB_ORIGIN_SLOWDOWN.knee: Input should be greater than or"),
        ("origin_slowdown", '{"knee": 1}', "LAB_ORIGIN_SLOWDOWN.per_read: Field required"),
        ("payload_bytes", "15", "LAB_PAYLOAD_BYTES: 'fixed(15)' is not a payload: fixed(bytes)"),
        ("payload_bytes", "uniform(9, 20)", "LAB_PAYLOAD_BYTES: 'uniform(9,20)' is not a payload"),
        ("invalidation", "perhaps", "LAB_INVALIDATION: Input should be 'none', 'delete' or 'write-through'"),
        ("origin_pooler", "pooler", "LAB_ORIGIN_POOLER: must be host:port"),
        ("origin_pooler", "pooler:99999", "LAB_ORIGIN_POOLER: must be host:port"),
        ("origin_path", "/", "LAB_ORIGIN_PATH: / is there and not the lab's own (no regular file)"),
        ("origin_path", "x" * 300, "too long"),
        ("origin_path", "/dev/null/x", "Not a directory"),
    ],
)
def test_a_bad_setting_is_named_and_told(
    name: str, value: str, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = said(capsys, monkeypatch, name, value)
    assert words in told
    assert "\x1b" not in told
    assert "secret" not in told


def test_what_the_pod_says_of_its_settings_makes_the_same_pod_again() -> None:
    settings = Settings(params={"xfetch": {"beta": 2.0}}, origin_slowdown=Slowdown(knee=3, per_read=0.5))
    stated = settings.model_dump(mode="json")
    assert Settings(**json.loads(json.dumps(stated))) == settings
