"""The words of a model's fields: the texts that stand under them in the source."""

import ast
import inspect
import textwrap
from functools import cache


@cache
def field_words(model: type) -> dict[str, str]:
    """The text under each field of a class, those of its bases too, as one line."""
    words: dict[str, str] = {}
    for one in reversed(model.__mro__):
        if one.__module__.partition(".")[0] in {"app", "loadtest"}:
            words |= _own_words(one)
    return words


def _own_words(model: type) -> dict[str, str]:
    (found,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(found, ast.ClassDef)
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in zip(found.body, found.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }
