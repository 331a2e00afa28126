"""Redis's answer to HELLO: whether it is one that the lab works with."""

VERSION_MIN = (6, 2)
"""The first version of Redis with SET PXAT; other servers that speak its protocol have versions of their own."""


class Unsupported(ValueError):
    """A Redis that the lab does not work with; the text says why."""


def complaint_of(hello: object) -> str | None:
    """Why the lab does not work with a server that answers HELLO like this, in one sentence; None where it does."""
    if isinstance(hello, list) and len(hello) % 2 == 0:
        hello = dict(zip(hello[::2], hello[1::2], strict=True))
    if not isinstance(hello, dict):
        return f"this is no Redis that the lab knows: it answers HELLO with {hello!r}"
    said = {_text(name): _text(value) for name, value in hello.items()}
    name, version, mode, role = (said.get(key, "") for key in ("server", "version", "mode", "role"))
    if mode in ("cluster", "sentinel"):
        return f"this Redis runs in {mode} mode, and the lab needs a standalone one: a lock and its entry are one step"
    if role not in ("master", "primary"):
        return f"this Redis is a {role or 'server without a role'}, and the lab needs a primary, which takes writes"
    if name == "redis" and _number(version) < VERSION_MIN:
        return f"this is Redis {version}, and the lab needs {'.'.join(map(str, VERSION_MIN))} or later: for SET PXAT"
    return None


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
