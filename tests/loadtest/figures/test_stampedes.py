import numpy as np

from loadtest.figures.records import OK, Reads
from loadtest.figures.stampedes import Stampedes


def counted(*reads: tuple[float, float, int], hot: int = 0) -> dict[str, dict[str, float]]:
    asked_s, ended_s, key = (np.array(column) for column in zip(*sorted(reads), strict=True))
    stampedes, zeros = Stampedes(np.array([hot]), ttl_s=5.0, is_warmed=False), np.zeros(len(key), dtype=np.int64)
    stampedes.add(Reads(asked_s, asked_s, ended_s, key, zeros, zeros + OK))
    return stampedes.figures()


def test_reads_of_a_key_that_overlap_are_one_stampede() -> None:
    found = counted((0.0, 0.2, 0), (0.1, 0.3, 0), (0.25, 0.4, 0))
    assert found == {"cold_start": {"count": 1, "mean": 3.0, "p99": 3, "max": 3}}


def test_the_first_of_a_key_is_its_cold_start_and_the_others_are_hot_or_cold() -> None:
    found = counted((0.0, 0.2, 0), (5.0, 5.2, 0), (5.1, 5.3, 0), (0.0, 0.2, 7), (5.0, 5.2, 7))
    assert found["cold_start"]["count"] == 2
    assert found["hot"] == {"count": 1, "mean": 2.0, "p99": 2, "max": 2}
    assert found["cold"] == {"count": 1, "mean": 1.0, "p99": 1, "max": 1}


def test_reads_of_different_keys_are_no_stampede() -> None:
    assert counted((0.0, 0.2, 0), (0.0, 0.2, 1))["cold_start"] == {"count": 2, "mean": 1.0, "p99": 1, "max": 1}
