"""Grafana's own schema of a dashboard: the types that Grafana Labs generates from it, as a check.

Reading JSON into these types ignores what it does not know and believes whatever it is told. So two things are looked
at afterwards: what got lost on the way in and out again, and whether each value is what its type says.
"""

import enum
import json
import types
import warnings
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # in favour of a format that Grafana 12 does not provision
    from grafana_foundation_sdk.cog import runtime
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard, FieldConfig

register_default_plugins()


def schema_faults(dashboard: dict[str, Any]) -> list[str]:
    """Where a dashboard is not what Grafana's schema says."""
    try:
        read = Dashboard.from_json(dashboard)
        written = json.loads(json.dumps(read, cls=JSONEncoder))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return [f"cannot be read: {error!r}"]
    faults = [*_lost(dashboard, written, ""), *_mistyped(read, Dashboard, "")]
    for panel in dashboard.get("panels", []):
        kind = panel.get("type")
        if kind != "row" and runtime.panelcfg_config(kind) is None:
            faults.append(f"panel {panel.get('title')!r}: no panel is of the type {kind!r}")
        for rule in panel.get("fieldConfig", {}).get("overrides", []):
            for one in rule.get("properties", []):
                faults += [f"panel {panel['title']!r}: override {fault}" for fault in _override(kind, one)]
    return faults


def _override(panel_type: str, one: dict[str, Any]) -> list[str]:
    """An override is a field's setting by its path: `unit`, or `custom.lineWidth`."""
    name, value = one["id"], one["value"]
    try:
        if name.startswith("custom."):
            custom = {name.removeprefix("custom."): value}
            read: object = runtime.panelcfg_field_config_from_json(custom, panel_type)
            return [*_lost(custom, json.loads(json.dumps(read, cls=JSONEncoder)), ""), *_mistyped(read, object, "")]
        field = FieldConfig.from_json({name: value})
        return [
            *_lost({name: value}, json.loads(json.dumps(field, cls=JSONEncoder)), ""),
            *_mistyped(field, FieldConfig, ""),
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return [f"{name} cannot be read: {error!r}"]


def _lost(before: Any, after: Any, path: str) -> Iterator[str]:
    """What is in `before` and not, or not the same, in `after`, which may say more."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name, value in before.items():
            if name not in after:
                yield f"{path}.{name}: Grafana knows no such setting"
            else:
                yield from _lost(value, after[name], f"{path}.{name}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _lost(one, other, f"{path}[{place}]")
    elif before != after:
        yield f"{path}: {before!r} is read as {after!r}"


def _mistyped(value: Any, hint: Any, path: str) -> Iterator[str]:
    """Where `value` is not of the type `hint`."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if all(any(_mistyped(value, part, path)) for part in parts):
            yield from _mistyped(value, parts[0], path)
    elif origin is list and isinstance(value, list):
        for place, one in enumerate(value):
            yield from _mistyped(one, parts[0], f"{path}[{place}]")
    elif origin is dict and isinstance(value, dict):
        for name, one in value.items():
            yield from _mistyped(one, parts[1], f"{path}.{name}")
    elif isinstance(value, dict) and hasattr(hint, "from_json"):  # left unread, as the links of a panel
        read = hint.from_json(value)
        yield from _lost(value, json.loads(json.dumps(read, cls=JSONEncoder)), path)
        yield from _mistyped(read, hint, path)
    elif hasattr(value, "to_json"):
        for name, member in get_type_hints(type(value)).items():
            yield from _mistyped(getattr(value, name), member, f"{path}.{name}")
    elif not _is_a(value, origin or hint, parts):
        yield f"{path}: {value!r} is no {getattr(hint, '__name__', hint)}"


def _is_a(value: object, hint: Any, parts: tuple[Any, ...]) -> bool:
    if hint is Literal:
        return value in parts
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return value in [one.value for one in hint]
    if isinstance(value, bool) and hint in (int, float):
        return False
    return hint is Any or isinstance(value, (int, float) if hint is float else hint)
