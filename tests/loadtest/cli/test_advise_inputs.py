"""Inputs of `lab advise`: samples are told, and whatever is missing is asked for once, or named all at once."""

from pathlib import Path

import pytest
import typer

from loadtest.cli.advise_inputs import completed, said, sampled
from tests.traffic_samples import combined_log


def test_without_a_terminal_every_missing_option_is_named_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        completed({"keys": 5}, can_ask=False)
    assert ended.value.exit_code == 2
    told = capsys.readouterr().err
    assert all(option in told for option in ("--rate, --ttl, --origin: they are missing", "lab advise --keys 500"))


def test_on_a_terminal_what_is_missing_is_asked_for_and_asked_again_after_nonsense(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = {
        "requests per second": ["many", "-5", "250"],
        "TTL": ["60"],
        "origin take": ["350ms"],
        "How uneven": ["0"],
    }
    asked: list[str] = []

    def prompt(text: str, default: str, err: bool) -> str:
        assert err  # with --json stdout is a document
        asked.append(text)
        return next((left.pop(0) for word, left in answers.items() if word in text and left), default)

    monkeypatch.setattr(typer, "prompt", prompt)
    found = completed({"keys": 5}, can_ask=True)
    assert found == {"keys": 5, "rate_per_s": 250.0, "ttl_s": 60.0, "origin": "fixed(350)", "pods": 3}
    assert sum("requests per second" in text for text in asked) == 3
    assert "--rate: must be from" in capsys.readouterr().err


def test_nothing_is_asked_where_the_needed_numbers_are_there() -> None:
    given = {"keys": 5, "rate_per_s": 1.0, "ttl_s": 1.0, "origin": "fixed(1)"}
    assert completed(given, can_ask=True) == given


def test_a_sample_is_told_with_its_fit_and_bad_options_name_themselves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = combined_log(tmp_path / "access.log", 3_000, keys=50, rate_per_s=10)
    sample = sampled(path, None, None, r"id=(\d+)", None)
    assert sample is not None
    assert "by maximum likelihood" in " ".join(said(sample))
    for arguments, words in (
        ((path, path, None, None, None), "--access-log and --monitor: one sample"),
        ((None, None, None, "(a)", None), "--key-pattern: it needs a sample"),
        ((path, None, None, "(", None), "--key-pattern: is no regular expression"),
        ((path, None, None, "a", None), "--key-pattern: needs a group"),
        ((tmp_path / "none.log", None, None, None, None), "--access-log: "),
        ((None, None, path, None, None), "--trace: "),
    ):
        with pytest.raises(typer.Exit):
            sampled(*arguments)
        assert words in capsys.readouterr().err
