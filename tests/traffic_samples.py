"""Logs of traffic whose figures are known: Zipf keys at a rate, as servers would write them."""

import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BEGIN_S = 1_790_000_000.0
SECRET_PATH = "/users/jane.doe@example.org/orders"


def zipf_requests(
    requests: int, keys: int, exponent: float, rate_per_s: float
) -> tuple[NDArray[np.float64], list[int]]:
    """Poisson times in seconds, and the ranks of the keys from 1 on."""
    rng = np.random.default_rng(7)
    weights = np.arange(1, keys + 1) ** -exponent
    ranks = rng.choice(np.arange(1, keys + 1), size=requests, p=weights / weights.sum())
    return np.cumsum(rng.exponential(1 / rate_per_s, size=requests)), ranks.tolist()


def path_of(rank: int) -> str:
    return f"{SECRET_PATH}?id={rank}"


def combined_lines(times_s: NDArray[np.float64], ranks: list[int], tail: str = "") -> list[str]:
    """Lines of nginx's combined format."""
    moments: dict[int, str] = {}
    lines = []
    for time_s, rank in zip(times_s, ranks, strict=True):
        second = int(BEGIN_S + time_s)
        if second not in moments:
            moment = datetime.datetime.fromtimestamp(second, datetime.UTC)
            moments[second] = moment.strftime("%d/%b/%Y:%H:%M:%S +0000")
        lines.append(
            f'10.0.0.{rank % 9} - - [{moments[second]}] "GET {path_of(rank)} HTTP/1.1" 200 512 "-" "curl/8.5"{tail}'
        )
    return lines


def combined_log(path: Path, requests: int, keys: int = 500, exponent: float = 1.0, rate_per_s: float = 300) -> Path:
    """A file of such lines."""
    times_s, ranks = zipf_requests(requests, keys, exponent, rate_per_s)
    path.write_text("\n".join(combined_lines(times_s, ranks)) + "\n", encoding="utf-8")
    return path
