"""The clients and the nets of a scenario in words, where they are not the default ones."""

from typing import Any

from app.nets.nets import Nets
from app.slowdown import Slowdown
from loadtest.workload.client import ClientTable


def clients_in_words(client: ClientTable) -> str:
    """Clients such as "clients give up after 1 s and retry 3 times (...)"; empty for patient ones."""
    told = [] if client.timeout_s is None else [f"give up after {client.timeout_s:g} s"]
    if client.retries:
        growth = f"up to {client.cap_s:g} s, " if client.backoff == "exponential" else ""
        budget = "" if client.budget is None else f", a budget of {client.budget:g} per request"
        times = "once" if client.retries == 1 else f"{client.retries} times"
        told.append(
            f"retry {times} ({client.backoff} back-off from {client.base_s:g} s, {growth}"
            f"jitter {client.jitter}{budget})"
        )
    return f"clients {' and '.join(told)}" if told else ""


def nets_in_words(nets: Nets) -> str:
    """The nets that are set, such as "nets: stale_if_error_s 2, breaker (open_s 1)"; empty for the default ones."""
    set_ones = _settings(nets.model_dump(mode="json", exclude_defaults=True))
    return f"nets: {set_ones}" if set_ones else ""


def slowdown_in_words(slowdown: Slowdown | None) -> str:
    """The law by which the origin slows, behind its latency; empty where load makes no read slower."""
    if slowdown is None:
        return ""
    return (
        f" ({100 * slowdown.per_read:g} % slower for each read under way above {slowdown.knee:,}, up to "
        f"{slowdown.times_max:g} times)"
    )


def _settings(table: dict[str, Any]) -> str:
    told = []
    for name, value in table.items():
        if isinstance(value, dict):
            inner = _settings(value)
            told.append(f"{name} ({inner})" if inner else name)
        elif value is not None:
            told.append(f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}")
    return ", ".join(told)
