"""`lab new`: a strategy of one's own, from the template."""

import re
from pathlib import Path
from typing import Annotated

import typer

import app.strategies
from app.discovery import check_name
from loadtest import ROOT
from loadtest.cli.terminal import console, fail

FOLDER = Path(app.strategies.__path__[0])


def new(name: Annotated[str, typer.Argument(help="Lower case letters, digits and _.")]) -> None:
    """Start a strategy of your own from the template."""
    try:
        path = new_strategy(name)
    except (ValueError, OSError) as error:
        fail(error)
    if (ROOT / "Makefile").exists():
        place, then = path.relative_to(ROOT), f"make try S={name}"
    else:  # installed from a wheel
        place, then = path, f"lab try {name}"
    console.print(f"{place} is there. Edit it, then: [bold]{then}[/]", highlight=False, soft_wrap=True)


def new_strategy(name: str) -> Path:
    """Write `app/strategies/<name>.py`. Raises ValueError for a bad name, FileExistsError for one that is taken."""
    check_name(name)
    path = FOLDER / f"{name}.py"
    template = (FOLDER / "_template.py").read_text(encoding="utf-8")
    class_name = "".join(word.capitalize() for word in name.split("_"))
    if re.search(rf"\b{class_name}\b", template.partition("class Template(")[0]):
        class_name += "Strategy"  # else it would hide what the file imports
    # its first line tells how to copy it
    source = re.sub(r"\A#.*\n", "", template).replace("class Template(", f"class {class_name}(")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(source)
    except FileExistsError:
        raise FileExistsError(f"app/strategies/{name}.py is there already") from None
    return path
