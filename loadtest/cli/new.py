"""`lab new`: a strategy or a contender of one's own, from its template."""

import re
from pathlib import Path
from typing import Annotated

import typer

import app.contenders
import app.strategies
from app.contender_discovery import check_file_name
from app.discovery import check_name
from loadtest import ROOT
from loadtest.cli.terminal import console, fail

FOLDER = Path(app.strategies.__path__[0])
CONTENDERS = Path(app.contenders.__path__[0])


def new(
    name: Annotated[str, typer.Argument(help="Lower case letters, digits and _. Of a contender: a .py file too.")],
    contender: Annotated[
        bool, typer.Option("--contender", help="A contender: a caching library as it would be used.")
    ] = False,
) -> None:
    """Start a strategy of your own from the template, or a contender, in the lab or in a file of your repository."""
    try:
        path = new_contender(name) if contender else new_strategy(name)
    except (ValueError, OSError) as error:
        fail(error)
    is_own = path.is_relative_to(ROOT)
    if not is_own:  # in a repository of the user's
        place, then = Path(name), f"lab try {name}"
    elif (ROOT / "Makefile").exists():
        place, then = path.relative_to(ROOT), f"make try S={path.stem}"
    else:  # installed from a wheel
        place, then = path, f"lab try {path.stem}"
    console.print(f"{place} is there. Edit it, then: [bold]{then}[/]", highlight=False, soft_wrap=True)


def new_strategy(name: str) -> Path:
    """Write `app/strategies/<name>.py`. Raises ValueError for a bad name, FileExistsError for one that is taken."""
    check_name(name)
    path = FOLDER / f"{name}.py"
    _write_new(path, f"app/strategies/{name}.py", _renamed(FOLDER / "_template.py", "Template", name, "Strategy"))
    return path


def new_contender(name: str) -> Path:
    """Write `app/contenders/<name>.py`, or the file itself where the name is that of a .py file.

    Raises ValueError for a bad name, FileExistsError for one that is taken, and OSError.
    """
    is_outside = name.endswith(".py")
    path = Path(name).absolute() if is_outside else CONTENDERS / f"{name}.py"
    check_file_name(path.stem)
    if not is_outside:
        if path.exists():
            raise FileExistsError(f"app/contenders/{name}.py is there already")
        check_name(name)
    source = _renamed(CONTENDERS / "_template.py", "ContenderTemplate", path.stem, "Contender")
    _write_new(path, name if is_outside else f"app/contenders/{name}.py", source)
    return path


def _renamed(template: Path, template_class: str, name: str, suffix: str) -> str:
    """The template with a class of that name; the suffix keeps it apart from what the file imports."""
    text = template.read_text(encoding="utf-8")
    class_name = "".join(word.capitalize() for word in name.split("_"))
    if re.search(rf"\b{class_name}\b", text.partition(f"class {template_class}(")[0]):
        class_name += suffix  # else it would hide what the file imports
    # its first comment tells how to copy it
    return re.sub(r"\A(#.*\n)+", "", text).replace(f"class {template_class}(", f"class {class_name}(")


def _write_new(path: Path, shown: str, source: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(source)
    except FileExistsError:
        raise FileExistsError(f"{shown} is there already") from None
