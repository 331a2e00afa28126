"""What belongs to whom, and what moves when pods come and go."""

from collections import Counter

import pytest

from app.peers.rendezvous import ranking

KEYS = [f"lab:routed:{number}" for number in range(3_000)]
TOLERANCE = 0.15
"""Five standard deviations of a share of these keys."""


def owners(pods: list[str]) -> dict[str, str]:
    return {key: ranking(pods, key)[0] for key in KEYS}


def named(count: int) -> list[str]:
    return [f"pod-{number}" for number in range(1, count + 1)]


@pytest.mark.parametrize("pods", [2, 3, 10])
def test_one_pod_of_p_that_goes_moves_its_keys_to_all_others_and_no_key_of_theirs(pods: int) -> None:
    before, after = owners(named(pods)), owners(named(pods)[:-1])
    gone = f"pod-{pods}"
    moved = {key for key in KEYS if before[key] != after[key]}
    assert moved == {key for key in KEYS if before[key] == gone}
    assert len(moved) / len(KEYS) == pytest.approx(1 / pods, rel=TOLERANCE)
    heirs = Counter(after[key] for key in moved)
    assert len(heirs) == pods - 1
    assert max(heirs.values()) <= (1 + 2.5 * TOLERANCE) * len(moved) / (pods - 1)


def test_the_next_in_rank_is_the_owner_once_the_first_has_gone() -> None:
    for key in KEYS[:100]:
        first, *rest = ranking(named(5), key)
        assert ranking([pod for pod in named(5) if pod != first], key) == rest


def test_every_process_ranks_alike_whatever_the_order_of_the_names() -> None:
    assert ranking(named(3), "lab:routed:7") == ranking(reversed(named(3)), "lab:routed:7")
    # stated, because pods of two versions must agree: Python's own hash would not
    assert [ranking(named(3), f"lab:routed:{number}")[0][-1] for number in range(10)] == [*"3332332122"]
