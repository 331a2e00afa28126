"""`make up` and `make load`: what was asked is what Compose is told, or nothing is."""

import json
from pathlib import Path

import pytest

from tests.bin.clone import Answer, Call, Clone
from tests.bin.test_scripts import PORTS

GIVEN, RUNS = (f'{{{{.Label "stampede-lab.{what}"}}}}' for what in ("given", "runs"))
STATED = "LAB_TTL_S=10\nRATE=250\nUSERS=1\nSTRATEGIES=static,jitter\n# 250 requests/s"
FREE = {name: str(19_100 + number) for number, name in enumerate(PORTS)}


def figures(**values: float) -> str:
    """As VictoriaMetrics answers."""
    rows = [{"metric": {"it": it}, "value": [1_700_000_000, str(value)]} for it, value in values.items()]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": rows}}, separators=(",", ":"))


FINE = figures(sent=249.6, errors=0, target=250, pods=3, late=3.2)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    clone = Clone(tmp_path / "a clone")
    clone.spy("sleep")
    return clone


def stack(clone: Clone, given: str = "", runs: str = "", said: Answer = STATED, seen: str = FINE) -> None:
    """Docker as it answers beside a stack that was asked for so."""
    clone.spy(
        "docker", version="2.40.0", config="x/service\nx/load", port="127.0.0.1:3000", wget=seen,
        to={"loadtest.worlds.stack_settings": said, GIVEN: given, RUNS: runs}, ps="0123abcd",
    )  # fmt: skip


def ups(clone: Clone) -> list[Call]:
    return [call for call in clone.calls("docker") if "up" in call.words]


def changed(clone: Clone) -> list[list[str]]:
    """Calls that make, start or end something."""
    return [words for words in clone.words("docker") if {"up", "build", "run", "start", "stop", "down"} & {*words}]


@pytest.mark.parametrize("target", ["up", "load", "dev"])
@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("APP_REPLICAS=2.5", "APP_REPLICAS=2.5: must be a whole number from 1 to 16"),
        ("RATE=0", "RATE=0: must be a number from 0.1 to 50000"),
        ("LOAD_WORKERS=none", "LOAD_WORKERS=none: must be a whole number from 1 to 16"),
        (f"LOCUST_MASTER_PORT={FREE['LOCUST_PORT']}", "LOCUST_PORT has that port; each needs one of its own"),
        (
            "SCENARIO=nonsense",
            "SCENARIO=nonsense: there is no such scenario; name one of many-keys, side-by-side, or a",
        ),
        ("SCENARIO=../scenarios/many-keys", "there is no such scenario"),
        ("SCENARIO=nix.toml", "nix.toml: there is no such file"),
        ("LOCUSTFILE=nix.py", "nix.py: there is no such file"),
        ("LOCUSTFILE=Makefile", "Makefile: must be a Python file (.py) without a comma in its name"),
        ("LAB_PARAMS={\n}", "LAB_PARAMS: must be one line"),
    ],
)
def test_what_needs_no_lab_to_be_refused_is_before_anything_is_built(
    clone: Clone, target: str, variable: str, said: str
) -> None:
    stack(clone)
    ended = clone.run("make", target, variable, **FREE)
    line, *makes = ended.stderr.strip().splitlines()
    assert (ended.returncode, line.startswith("error: "), len(makes)) == (2, True, 1), ended.stderr
    assert said in line
    assert changed(clone) == []


def test_an_image_that_is_none_is_refused(clone: Clone) -> None:
    stack(clone)
    ended = clone.run("make", "up", "REDIS_IMAGE=redis 8", **FREE)
    assert ended.stderr.startswith("error: REDIS_IMAGE=redis 8: must name an image, as redis:8.0\n")
    assert changed(clone) == []


@pytest.mark.parametrize("target", ["up", "load"])
def test_what_the_lab_refuses_is_before_any_container_is_changed(clone: Clone, target: str) -> None:
    stack(clone, said=("error: LAB_TTL_S=abc: must be a number from 0.05 to 86400", 2))
    ended = clone.run("make", target, "LAB_TTL_S=abc", **FREE)
    line, *makes = ended.stderr.strip().splitlines()
    assert (ended.returncode, line, len(makes)) == (2, "error: LAB_TTL_S=abc: must be a number from 0.05 to 86400", 1)
    assert [words for words in changed(clone) if not {"build", "loadtest.worlds.stack_settings"} & {*words}] == []


def test_a_load_without_a_stack_is_refused(clone: Clone) -> None:
    clone.spy("docker", version="2.40.0")
    ended = clone.run("make", "load", "RATE=7", **FREE)
    assert ended.stderr.splitlines()[0] == "error: the stack is not up: make up"
    assert changed(clone) == []


def test_compose_is_told_what_was_given_before_that_what_the_scenario_states_and_else_what_is_in_env(
    clone: Clone,
) -> None:
    stack(clone, given="LOAD_WORKERS=2\nRATE=600\nLAB_SEED=5\nLOCUSTFILE=/nowhere/mine.py")
    ended = clone.run("make", "load", "RATE=250", "LAB_SEED=", **FREE)
    assert ended.returncode == 0, ended.stderr
    *_, last = ups(clone)
    told = last.environment
    assert (told["RATE"], told["LOAD_WORKERS"], told["LAB_SEED"]) == ("250", "2", "1")
    assert (told["LAB_TTL_S"], told["STRATEGIES"], told["LOCUSTFILE"]) == ("10", "static,jitter", "")
    assert last.words[-3:] == ["--no-deps", "load", "load-worker"]
    asked = next(words for words in clone.words("docker") if "loadtest.worlds.stack_settings" in words)
    assert {"RATE=250", "SCENARIO=side-by-side", "LAB_TTL_S=", "LAB_SEED=1"} <= {*asked}
    assert "LOAD_WORKERS=2 (given before)" in ended.stdout
    assert "RATE=250 (given now)" in ended.stdout
    assert "LAB_SEED=" not in ended.stdout


def test_pods_are_left_alone_unless_their_settings_change(clone: Clone) -> None:
    stack(clone, runs="LAB_TTL_S=10\nRATE=9")
    assert clone.run("make", "load", "RATE=250", **FREE).returncode == 0
    assert [call.words[-3:] for call in ups(clone)] == [["--no-deps", "load", "load-worker"]]
    stack(clone, runs="LAB_TTL_S=5\nRATE=250")
    assert clone.run("make", "load", **FREE).returncode == 0
    assert [call.words[-1] for call in ups(clone)] == ["load-worker", "tuner", "load-worker"]


def test_a_load_changes_the_number_of_pods_and_no_port_of_the_others(clone: Clone) -> None:
    stack(clone, given="GRAFANA_PORT=3777", runs="LAB_TTL_S=10")
    assert clone.run("make", "load", "APP_REPLICAS=2", **FREE).returncode == 0
    assert ["app" in call.words for call in ups(clone)] == [True, False]
    assert {(call.environment["APP_REPLICAS"], call.environment["GRAFANA_PORT"]) for call in ups(clone)} == {
        ("2", "3777")
    }
    ended = clone.run("make", "load", "GRAFANA_PORT=3000")
    assert (ended.returncode, "make load: there is no GRAFANA_PORT" in ended.stderr) == (2, True)


def test_a_load_takes_no_port_of_the_others(clone: Clone) -> None:
    stack(clone, given="FRONT_PORT=3801", runs="FRONT_PORT=3801")
    ended = clone.run("make", "load", "LOCUST_PORT=3801")
    assert ended.stderr.startswith("error: LOCUST_PORT=3801: FRONT_PORT has that port"), ended.stderr
    assert changed(clone) == []


def test_a_pod_that_has_died_is_missed(clone: Clone) -> None:
    stack(clone, runs="APP_REPLICAS=4")
    ended = clone.run("bash", "bin/measured")
    assert (ended.returncode, "error: only 3 of 4 pods answer" in ended.stderr) == (1, True)


def test_wrong_answers_are_told(clone: Clone) -> None:
    stack(clone, runs="APP_REPLICAS=1", seen=figures(sent=249.6, errors=0, target=250, pods=1, wrong=7))
    assert clone.run("bash", "bin/measured").stdout.endswith(", 7 wrong answers\n")


def test_ctrl_c_is_no_fault_and_a_load_that_was_stopped_goes_on(clone: Clone) -> None:
    stack(clone, runs="LAB_TTL_S=5\nRATE=250")
    spy = clone.outside / "bin" / "docker"
    kill = 'case " $* " in *" stop load "*) kill -INT $PPID; exit 130 ;; esac\n'
    lines = spy.read_text(encoding="utf-8").splitlines(keepends=True)
    spy.write_text("".join([*lines[:2], kill, *lines[2:]]), encoding="utf-8")
    ended = clone.run("bash", "bin/up", "load", **FREE)
    assert ended.returncode == 130
    assert "error" not in ended.stderr
    assert "interrupted" in ended.stderr
    assert [words[-2:] for words in clone.words("docker") if "start" in words] == [["load", "load-worker"]]


def test_files_of_ones_own_are_brought_along_with_what_is_beside_them(clone: Clone) -> None:
    stack(clone)
    folder = clone.folder / "Größe 7"
    folder.mkdir()
    for name in ("mein Ansturm.toml", "mine.py"):
        (folder / name).touch()
    ended = clone.run("make", "up", "SCENARIO=Größe 7/mein Ansturm.toml", f"LOCUSTFILE={folder}/mine.py", **FREE)
    assert ended.returncode == 0, ended.stderr
    asked = next(words for words in clone.words("docker") if "loadtest.worlds.stack_settings" in words)
    assert {f"{folder}:/scenarios:ro", f"{folder}:/own:ro"} <= {*asked}
    assert {"SCENARIO=/scenarios/mein Ansturm.toml", "LOCUSTFILE=/own/mine.py"} <= {*asked}
    (up,) = ups(clone)
    assert up.environment["SCENARIO"] == "/scenarios/mein Ansturm.toml"
    assert (up.environment["SCENARIO_FOLDER"], up.environment["LOCUST_FOLDER"]) == (str(folder), str(folder))
    assert f"SCENARIO={folder}/mein Ansturm.toml (given now)" in ended.stdout
    assert not up.environment["STACK_GIVEN"].endswith("\n"), "a label that differs makes a container anew"


def test_whoever_changes_a_running_stack_by_hand_does_it_with_what_runs(clone: Clone) -> None:
    stack(clone, given="RATE=600", runs='LAB_TTL_S=10\nLAB_PARAMS={"jitter": {"spread": 0.5}}\nRATE=600')
    clone.run("bin/compose", "up", "app", RATE="9")
    (up,) = ups(clone)
    assert (up.environment["LAB_TTL_S"], up.environment["RATE"]) == ("10", "9")
    assert up.environment["LAB_PARAMS"] == '{"jitter": {"spread": 0.5}}'
    assert up.environment["STACK_GIVEN"] == "RATE=600"


def test_none_is_said_by_an_empty_knob_to_a_stack_that_has_some(clone: Clone) -> None:
    stack(clone, given="", runs="LAB_ORIGIN_CONNECTIONS_SHARED=20")
    clone.run("bin/compose", "up", "app", LAB_ORIGIN_CONNECTIONS_SHARED="")
    (up,) = ups(clone)
    assert up.environment["LAB_ORIGIN_CONNECTIONS_SHARED"] == ""


@pytest.mark.parametrize(
    ("seen", "code", "said"),
    [
        (FINE, 0, "measured: 250 of 250 requests/s over 3 pods, 0 errors in 5 s, sent 3 ms late at p99"),
        (figures(sent=99.9, errors=2, target=0, pods=1), 0, "measured: 100 requests/s over 1 pod, 2 errors in 5 s\n"),
        (figures(sent=80, errors=0, target=250, pods=1), 0, "the load does not keep up with its rate"),
        (figures(sent=0, errors=0, target=250), 1, "error: nothing is sent"),
        (figures(metrics=1), 1, "error: nothing is sent"),
        (figures(sent=250, errors=1250, target=250), 1, "none of 1 pods answers them"),
        ("", 1, "error: nothing is known of the load"),
    ],
)
def test_the_end_is_what_is_measured(clone: Clone, seen: str, code: int, said: str) -> None:
    is_paced_by_answers = "of 250" not in said and code == 0 and "keep up" not in said
    stack(clone, seen=seen, said=STATED.replace("RATE=250", "RATE=") if is_paced_by_answers else STATED)
    ended = clone.run("bash", "bin/load", **FREE)
    assert ended.returncode == code
    assert said in ended.stdout + ended.stderr
    assert "/d/stampede" in ended.stdout


def test_a_build_that_fails_is_shown_whole_and_changes_nothing(clone: Clone) -> None:
    clone.spy("docker", version="2.40.0", build=("line 1\nline 2", 17))
    ended = clone.run("make", "up", **FREE)
    assert ended.stderr.startswith("line 1\nline 2\nerror: the images were not built")
    assert ups(clone) == []


def test_a_bench_in_the_stack_puts_back_the_pods_that_ran_and_a_load_that_was_on(clone: Clone) -> None:
    for on, starts in (("app\nload\nload-worker", [["load", "load-worker"]]), ("app", [])):
        clone.spy(
            "docker", settings="LAB_TTL_S=5", inspect="PATH=/bin\nLAB_TTL_S=2.5\nLAB_SEED=1",
            to={"--services": on}, ps="0123abcd\n4567abcd",
        )  # fmt: skip
        before = len(clone.calls("docker"))
        assert clone.run("make", "bench", "WORLD=stack").returncode == 0
        calls = clone.calls("docker")[before:]
        back = [call for call in calls if "up" in call.words][-1]
        assert back.environment["LAB_TTL_S"] == "2.5"
        assert back.words[-6:] == ["--scale", "app=2", "relay", "app", "pooler", "tuner"]
        assert [call.words[2:] for call in calls if "start" in call.words] == starts


def test_a_bench_that_breaks_things_has_somebody_beside_docker_until_it_has_ended(clone: Clone) -> None:
    clone.spy("docker", settings="LAB_TTL_S=5\nBREAK=1", inspect="LAB_SEED=1", ps="0123abcd")
    assert clone.run("make", "bench", "WORLD=stack").returncode == 0
    [breaker] = clone.words("python")
    assert breaker[:2] == ["-m", "loadtest.worlds.stack_breaker"]
    calls = clone.calls("docker")
    assert [call.environment.get("BREAK") for call in calls if "up" in call.words] == ["1", None]
    bench = next(call for call in calls if "--world=stack" in call.words)
    assert f"LAB_BREAKER=/lab/{breaker[2]}" in bench.words
    assert list((clone.folder / "results").iterdir()) == []


def test_a_bench_that_breaks_nothing_has_nobody_for_it(clone: Clone) -> None:
    clone.spy("docker", settings="LAB_TTL_S=5\nBREAK=", inspect="LAB_SEED=1", ps="0123abcd")
    assert clone.run("make", "bench", "WORLD=stack").returncode == 0
    assert clone.words("python") == []
    assert [call.environment.get("BREAK") for call in clone.calls("docker") if "up" in call.words] == ["", None]


def test_a_bench_in_the_stack_that_is_refused_changes_nothing(clone: Clone) -> None:
    clone.spy("docker", settings=("error: there is no strategy 'nix'", 2), ps="0123abcd")
    assert clone.run("make", "bench", "WORLD=stack", "STRATEGIES=nix").returncode == 2
    assert [words for words in changed(clone) if not {"settings", "build"} & {*words}] == []
