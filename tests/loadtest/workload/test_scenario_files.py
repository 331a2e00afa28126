"""Scenario files as people have them: of any name, anywhere, from any editor; and what is no scenario, in one line."""

import os
from pathlib import Path

import pytest

from loadtest.workload.scenario import BadScenario, read_scenario
from tests.loadtest.workload.test_scenario import GOOD

BOM = "\ufeff"


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("mein Ansturm", "mein-Ansturm"),
        ("Größe 7", "Gro-e-7"),
        ("Schöner Test (2)", "Schoner-Test-2"),
        ("Scho\u0308ner", "Schoner"),  # as macOS writes it
        ("日本", "scenario"),
        ("..x..", "x"),
        ("-rf", "rf"),
        ("a#b?c%20d&e", "a-b-c-20d-e"),
        ("x" * 200, "x" * 64),
        ("[red]x", "red-x"),
    ],
)
def test_a_file_of_any_name_gives_a_name_that_is_safe_in_folders_and_rows(tmp_path: Path, stem: str, name: str) -> None:
    path = tmp_path / f"{stem}.toml"
    path.write_text(GOOD)
    assert read_scenario(str(path)).name == name


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ending", [".toml", ".TOML"])
@pytest.mark.parametrize("line", ["\n", "\r\n"])
def test_byte_order_marks_and_line_ends_do_not_matter(tmp_path: Path, encoding: str, ending: str, line: str) -> None:
    path = tmp_path / f"mine{ending}"
    path.write_bytes(GOOD.replace("\n", line).encode(encoding))
    assert read_scenario(str(path)).title == "Mine"


def test_a_scenario_in_json_may_have_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(BOM + read_scenario("hot-key").model_dump_json(), encoding="utf-8")
    assert read_scenario(str(path)) == read_scenario("hot-key")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe\xfa", "is no text in UTF-8"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is no text in UTF-8: byte 0 cannot be read"),
        (b"title = 'a\0b'", "has NUL bytes in it"),
        (b"#" * ((1 << 20) + 1), "is larger than 1,048,576 bytes"),
        (b"", "title, duration_s, pods, "),
        (b"x = " + b"[" * 100_000, "is nested too deeply"),
        (b"\n".join(b"key%d = 1" % number for number in range(1_000)), "and 996 more"),
    ],
)  # fmt: skip
def test_what_is_no_scenario_is_said_in_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(BadScenario) as caught:
        read_scenario(str(path))
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize("text", ["[]", "7", "null", '"hot-key"'])
def test_json_that_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(BadScenario, match="must be a table of fields"):
        read_scenario(str(path))


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999"])
@pytest.mark.parametrize("field", ["duration_s = 5", "think_s = 0.1", "ttl_s = 1"])
def test_a_number_that_is_none_is_refused_by_its_field(tmp_path: Path, field: str, value: str) -> None:
    name = field.partition(" ")[0]
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace(field, f"{name} = {value}"))
    with pytest.raises(BadScenario, match=rf"{name}: Input should be "):
        read_scenario(str(path))


def test_a_directory_a_pipe_and_a_file_that_is_not_there_are_named(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    os.mkfifo(tmp_path / "pipe.toml")
    for name, said in (("folder", "is a directory"), ("pipe", "is no regular file"), ("nope", "there is no file")):
        with pytest.raises(BadScenario, match=said):
            read_scenario(str(tmp_path / f"{name}.toml"))


@pytest.mark.parametrize(
    "name", ["../scenarios/hot-key", "claims/primer", "..", ".", "", "/etc/passwd", "hot-key\0", "~"]
)
def test_a_name_is_one_of_those_that_there_are_and_no_way_out_of_the_folder(name: str) -> None:
    with pytest.raises(
        BadScenario, match=r"there is no (scenario|file) .*`lab list` names all|is a folder|is no scenario"
    ):
        read_scenario(name)


@pytest.mark.parametrize("name", ["..", "../x", "a/b", "x\ny", "", "-x", "x" * 65, "ü"])
def test_a_name_that_is_stated_must_be_safe(tmp_path: Path, name: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(read_scenario("hot-key").model_copy(update={"name": name}).model_dump_json())
    with pytest.raises(BadScenario, match="name: String should match pattern"):
        read_scenario(str(path))
