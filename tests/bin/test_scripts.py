"""The scripts behind `make`: on any bash from 3.2 (macOS) on, and in whatever surroundings they are called."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.bin.clone import ROOT, Clone

SCRIPTS = sorted(path for folder in ("bin", ".ci") for path in (ROOT / folder).iterdir())
NEWER_THAN_3_2 = {
    "mapfile and readarray": r"\b(mapfile|readarray)\b",
    "associative arrays": r"\b(declare|local|typeset) -\w*[Agnul]",
    "case of letters": r"\$\{\w+(\^|,)",
    "transformations": r"\$\{\w+@\w\}",
    "negative places": r"\$\{\w+: -|\[-1\]",
    "both streams at once, appended or piped": r"&>>|\|&",
    "coprocesses": r"\bcoproc\b",
    "tests of variables": r"\[\[ -[vR] ",
    "printf's time": r"%\(",
    "wait for any": r"\bwait -n\b",
    "falling through": r";;?&",
    "an expression that is not in a variable": r"=~ (?!\$\w+ )",
    "opening a file in $(<) with set -u": r"\binherit_errexit\b|\bglobstar\b|\blastpipe\b",
}
NOT_ON_MACOS = {
    "realpath, before macOS 13": r"\brealpath\b",
    "readlink -f": r"readlink -f",
    "grep -P": r"grep -\w*P",
    "sed -i without an ending": r"sed -\w*i\b",
    "sed -r": r"sed -\w*r\b",
    "GNU's own options": r"\b(stat -c|date -[dI]|xargs -r|sort -V|mktemp --|du -b|head -c -|base64 -w|tac|nproc)\b",
    "env -0": r"\benv -0\b",
}


def faults(text: str) -> list[str]:
    """What is newer than the oldest bash that is in use, or another on a Mac."""
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    found = [what for what, pattern in (NEWER_THAN_3_2 | NOT_ON_MACOS).items() if re.search(pattern, code)]
    for array in set(re.findall(r"\b(\w+)=\(\)", code)):
        if re.search(rf'"\$\{{{array}\[@\]\}}"', code):
            found.append(f"{array} may be empty, which is unset before bash 4.4")
    if re.search(r"\bcd\b", code) and "unset CDPATH" not in code:
        found.append("cd, and CDPATH may be set")
    return found


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_for_bash_3_2_and_for_a_mac_too(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert text.startswith("#!/usr/bin/env bash\n")
    assert faults(text) == []
    ended = subprocess.run(["bash", "-n", script], capture_output=True, text=True, timeout=30, check=False)
    assert ended.stderr == ""


@pytest.mark.parametrize(
    "line",
    [
        "mapfile -t lines <<<x", "declare -A a", 'echo "${name,,}"', 'echo "${list[-1]}"', "make &>>log",
        "[[ $x =~ ^(a|b)$ ]]", 'a=()\nrun "${a[@]}"', "realpath x", "sed -i s/a/b/ x", "grep -oP x", "cd x",
    ],
)  # fmt: skip
def test_the_scan_finds(line: str) -> None:
    assert faults(line)


def preflight(clone: Clone, version: str = "2.40.0", **variables: str) -> tuple[int, str]:
    """How it ends, and what it says."""
    clone.spy("docker", version=version)
    clone.spy("ip", addr="inet 192.168.7.7/24\ninet6 fd00::7/64")
    free = {name: str(19_000 + number) for number, name in enumerate(PORTS)}
    ended = clone.run("bash", "bin/preflight", **(free | variables))
    return ended.returncode, ended.stderr.strip()


PORTS = ("FRONT_PORT", "GRAFANA_PORT", "LOCUST_PORT", "LOCUST_MASTER_PORT", "VICTORIAMETRICS_PORT", "VMALERT_PORT")


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "a clone")


@pytest.mark.parametrize(
    "version", ["dev", "v2.22.0", "2.40.0+ds1", "2.40.0-desktop.1", "v2.x-desktop.1", "v5.0.1", "v2.08.1.2", "3"]
)
def test_a_compose_of_any_name_is_taken_unless_it_is_known_to_be_too_old(clone: Clone, version: str) -> None:
    if version == "v2.08.1.2":
        assert preflight(clone, version) == (2, "error: Docker Compose is v2.08.1.2: 2.22 or newer is needed")
    else:
        assert preflight(clone, version) == (0, "")


@pytest.mark.parametrize("version", ["1.29.2", "2.21.9", "v2.3.4-desktop.1"])
def test_a_compose_that_is_too_old_is_refused(clone: Clone, version: str) -> None:
    assert preflight(clone, version) == (2, f"error: Docker Compose is {version}: 2.22 or newer is needed")


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("BIND_ADDRESS", "0.0.0.0", "LOCUST_MASTER_BIND_ADDRESS opens the port of Locust's workers"),
        ("LOCUST_MASTER_BIND_ADDRESS", "everybody", "must be an address of this machine"),
        ("LOCUST_MASTER_BIND_ADDRESS", "0.0.0.0:80:80 ", "must be an address of this machine"),
        ("LOCUST_MASTER_BIND_ADDRESS", "127.0.0.300", "must be an address of this machine"),
        ("LOCUST_MASTER_BIND_ADDRESS", "192.168.7.8", "must be an address of this machine"),
        ("REDIS_IMAGE", "REDIS:1", "must name an image"),
        ("REDIS_IMAGE", "redis:8.10.2:1", "must name an image"),
        ("REDIS_IMAGE", "redis@sha256:abc", "must name an image"),
        ("APP_REPLICAS", "1.5", "APP_REPLICAS=1.5: must be a whole number from 1 to 16"),
        ("APP_REPLICAS", "0x3", "must be a whole number"),
        ("APP_REPLICAS", "a[$(touch hit)]", "must be a whole number"),
        ("USERS", "09", "must be a whole number"),
        ("RATE", "1e3", "RATE=1e3: must be a number from 0.1 to 50000"),
        ("GRAFANA_PORT", "70000", "GRAFANA_PORT=70000: must be a whole number from 1 to 65535"),
    ],
)
def test_a_knob_out_of_bounds_is_named_with_its_bound(clone: Clone, variable: str, value: str, said: str) -> None:
    code, errors = preflight(clone, **{variable: value})
    assert code == 2
    assert said in errors
    assert len(errors.splitlines()) == 1
    assert not (clone.folder / "hit").exists()


@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.7.7", "[::]", "[fd00::7]"])
def test_whoever_opens_the_port_of_workers_is_told_what_that_means(clone: Clone, address: str) -> None:
    code, errors = preflight(clone, LOCUST_MASTER_BIND_ADDRESS=address)
    assert code == 0
    assert errors.startswith(f"note: whoever reaches {address}:")


def test_what_containers_could_not_read_is_named(clone: Clone) -> None:
    (clone.folder / "front").mkdir(mode=0o755)
    shut = clone.folder / "front" / "haproxy.cfg"
    shut.touch(mode=0o600)
    code, errors = preflight(clone)
    assert (code, errors.startswith("error: front/haproxy.cfg: containers could not read it.")) == (2, True)
    shut.chmod(0o644)
    assert preflight(clone) == (0, "")


@pytest.mark.parametrize("image", ["redis", "redis:8.10.2", f"host:5000/a/b_c:v1@sha256:{'0' * 64}"])
def test_an_image_may_be_named_in_every_way(clone: Clone, image: str) -> None:
    assert preflight(clone, REDIS_IMAGE=image) == (0, "")


@pytest.mark.parametrize("script", ["preflight", "urls", "bench-in-stack", "setup"])
def test_a_folder_of_the_same_name_elsewhere_is_not_taken_for_the_clone(clone: Clone, script: str) -> None:
    (clone.outside / "bin").mkdir(exist_ok=True)
    for name in ("docker", "python"):
        clone.spy(name, ps="0123abcd", settings="LAB_TTL_S=5")
    (clone.outside / "Makefile").touch()
    clone.run("bash", f"bin/{script}", CDPATH=str(clone.outside), PYTHON="python", BASH_ENV="")
    places = {call.environment.get("PWD") for name in ("docker", "python") for call in clone.calls(name)}
    assert places == {str(clone.folder)}


def test_a_scenario_of_ones_own_is_brought_along_with_what_is_beside_it(clone: Clone) -> None:
    clone.spy("docker", ps="0123abcd", settings="LAB_TTL_S=5\nLAB_PARAMS={}\nAPP_REPLICAS=3")
    folder = clone.outside / "Größe 7"
    folder.mkdir()
    (folder / "mein Ansturm.toml").touch()
    path = f"{folder}/mein Ansturm.toml"
    ended = clone.run("make", "bench", "WORLD=stack", f"SCENARIO={path}", "SEED=5")
    assert ended.returncode == 0, ended.stderr
    calls = clone.calls("docker")
    settings = next(call for call in calls if "settings" in call.words)
    bench = next(call for call in calls if "--world=stack" in call.words)
    for call in (settings, bench):
        assert f"{folder}:/scenarios:ro" in call.words
        assert "--seed=5" in call.words
    assert settings.words[-2:] == ["--", "/scenarios/mein Ansturm.toml"]
    assert "--scenario=/scenarios/mein Ansturm.toml" in bench.words
    pods = next(call for call in calls if call.words[-2:] == ["pooler", "tuner"] and "up" in call.words)
    assert pods.environment["LAB_TTL_S"] == "5"
    assert pods.environment["APP_REPLICAS"] == "3"


def test_a_scenario_that_is_not_there_is_one_line(clone: Clone) -> None:
    clone.spy("docker", ps="0123abcd")
    ended = clone.run("bash", "bin/bench-in-stack", "--scenario=nope.toml")
    assert (ended.returncode, ended.stderr) == (2, "error: there is no file nope.toml\n")


def test_a_venv_is_made_whatever_another_project_has_set(clone: Clone) -> None:
    """The spy stands for Python, and is copied into the venv as its Python."""
    clone.spy("python")
    venv = clone.folder / ".venv"
    shutil.copy(clone.outside / "bin" / "python", venv / "bin" / "python")
    foreign = {
        "PIP_USER": "1", "PIP_TARGET": "/another", "PIP_PREFIX": "/another", "PIP_REQUIRE_VIRTUALENV": "1",
        "PIP_REQUIRE_HASHES": "1", "PIP_CONSTRAINT": "/another", "PIP_PYTHON": "/another", "PIP_DRY_RUN": "1",
        "PYTHONHOME": "/another", "PYTHONPATH": "/another", "PYTHONUSERBASE": "/another", "PYTHONOPTIMIZE": "2",
        "VIRTUAL_ENV": "/another", "CONDA_PREFIX": "/another", "UV_PYTHON": "/another", "UV_SYSTEM_PYTHON": "1",
    }  # fmt: skip
    ours = {"PIP_INDEX_URL": "https://packages.example/simple", "PIP_CERT": "/ca", "PIP_CONFIG_FILE": "/pip.conf"}
    ended = clone.run("bash", "bin/setup", ".venv", PYTHON="python", **foreign, **ours)
    assert ended.returncode == 0, ended.stderr
    pips = [call for call in clone.calls("python") if call.words[:3] == ["-m", "pip", "install"]]
    assert len(pips) == 2
    for pip in pips:
        assert pip.environment["PIP_USER"] == "0"
        assert {name for name in foreign if name in pip.environment} == {"PIP_USER"}
        assert {name: pip.environment[name] for name in ours} == ours


def test_a_python_that_is_too_old_is_one_line(clone: Clone) -> None:
    (clone.outside / "bin" / "python").symlink_to("/bin/false")
    ended = clone.run("bash", "bin/setup", PYTHON="python")
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: Python 3.11 or newer is needed, and python is none.")


def test_old_builds_are_removed_by_the_label_of_this_clone_alone(clone: Clone) -> None:
    clone.spy("docker", config="name: stampede-123456\nservices: {}")
    assert clone.run("bash", "bin/prune").returncode == 0
    prunes = [words for words in clone.words("docker") if "prune" in words]
    assert prunes == [["image", "prune", "--force", "--filter", "label=com.docker.compose.project=stampede-123456"]]


def test_cleaning_removes_containers_volumes_and_all_images_of_this_clone(clone: Clone) -> None:
    clone.spy("docker", config="name: stampede-123456\nservices: {}")
    ended = clone.run("make", "clean")
    assert ended.returncode == 0, ended.stderr
    down, prune = (words for words in clone.words("docker") if {"down", "prune"} & {*words})
    assert {"--profile", "bench", "--volumes", "--remove-orphans"} <= {*down}
    assert prune == [
        "image", "prune", "--force", "--filter", "label=com.docker.compose.project=stampede-123456", "--all",
    ]  # fmt: skip


def test_taking_it_down_removes_old_builds_and_keeps_the_others(clone: Clone) -> None:
    clone.spy("docker", config="name: stampede-123456\nservices: {}")
    ended = clone.run("make", "down")
    assert ended.returncode == 0, ended.stderr
    (prune,) = (words for words in clone.words("docker") if "prune" in words)
    assert "label=com.docker.compose.project=stampede-123456" in prune
    assert "--all" not in prune


def test_without_a_name_of_the_stack_nothing_is_removed(clone: Clone) -> None:
    clone.spy("docker")
    ended = clone.run("bash", "bin/prune", "--all")
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert not [words for words in clone.words("docker") if "prune" in words]


def test_the_benchs_image_is_that_of_the_code_as_it_is(clone: Clone) -> None:
    clone.spy("docker", ps="0123abcd", settings="LAB_TTL_S=5")
    assert clone.run("bash", "bin/bench-in-stack").returncode == 0
    calls = clone.words("docker")
    built = next(place for place, words in enumerate(calls) if words[1:] == ["build", "bench"])
    assert built < next(place for place, words in enumerate(calls) if "settings" in words)
