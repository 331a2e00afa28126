"""Answers: whether they are right, how old they may be, a value of 5 MB, and whether entries ever expire."""

import asyncio
from collections.abc import Sequence

from loadtest.contract.behaviour.bench import PODS, ProbeBench, ProbeReply, counted, errors_named, errors_of
from loadtest.contract.behaviour.probe import Answered

KEYS = 24
READERS_PER_KEY = 4
LARGE_BYTES = 5_000_000
RATE_PER_S = 20.0
EXPIRIES = 6
SLACK_S = 0.1
"""How much older than promised an answer may be: what lies between the read and the store, and whole milliseconds."""


async def right_answers(bench: ProbeBench) -> Answered:
    """Ask for many keys at once, and again while they are cached, before and after an expiry."""
    replies: list[ProbeReply] = []
    for _ in range(2):
        for _ in range(2):
            asked = (bench.ask(f"k{number % KEYS}", number % PODS) for number in range(KEYS * READERS_PER_KEY))
            replies += await asyncio.gather(*asked)
        await asyncio.sleep(bench.scale.ttl_s + SLACK_S)
    wrong = sum(one.value is not None and not one.is_right for one in replies)
    torn = sum(count for error, count in errors_of(replies).items() if error.startswith("answered"))
    errors = sum(errors_of(replies).values()) - torn
    first = f" The first: {bench.first_error}" if errors + torn and bench.first_error else ""
    return Answered(
        wrong + torn + errors == 0,
        f"Of {len(replies)} requests for {KEYS} keys {wrong} got another key's value, {torn} what no load had brought, "
        f"and {errors} an error{errors_named(replies)}.{first}",
        "right" if wrong + torn + errors == 0 else f"{wrong + torn} wrong, {errors} errors",
        {"requests": len(replies), "wrong": wrong, "torn": torn, "errors": errors},
    )


async def age(bench: ProbeBench) -> Answered:
    """Ask for one key all the time over several expiries, and look how old the answers are."""
    scale = bench.scale
    replies = await bench.traffic(EXPIRIES * scale.ttl_s, RATE_PER_S)
    values = [one for one in replies if one.value is not None]
    if not values:
        return Answered(False, f"No request got a value{errors_named(replies)}.", "no value", {"oldest_s": None})
    oldest_s, allowed_s = max(one.age_s for one in values), scale.ttl_s + bench.stale_s
    older = sum(one.age_s > scale.ttl_s + scale.load_s + SLACK_S for one in values)
    held = oldest_s <= allowed_s + scale.load_s + SLACK_S
    stated = f", and its documentation allows {bench.stale_s:g} s more" if bench.stale_s else ""
    return Answered(
        held,
        f"The oldest answer was {oldest_s:.2f} s old, with a TTL of {scale.ttl_s:g} s{stated}; "
        f"{older} of {len(values)} answers were older than the TTL, and {_backwards(values)} older than one before.",
        f"{oldest_s / scale.ttl_s:.2f} TTL",
        {
            "oldest_s": oldest_s,
            "ttl_s": scale.ttl_s,
            "serves_stale_s": bench.stale_s,
            "older_share": older / len(values),
        }
        | {"backwards": _backwards(values)},
    )


async def expires(bench: ProbeBench) -> Answered:
    """Ask for a key, be silent for several TTLs, and ask again."""
    scale, key = bench.scale, "k0"
    await bench.ask(key)
    silent_s = scale.silent_s
    await asyncio.sleep(silent_s)
    replies = await asyncio.gather(*(bench.ask(key, pod) for pod in range(PODS)))
    ages_s = [one.age_s for one in replies if one.value is not None]
    oldest_s = max(ages_s, default=None)
    held = oldest_s is not None and oldest_s < silent_s
    if oldest_s is None:
        told, cell = f"no request got a value{errors_named(replies)}", "no value"
    else:
        told, cell = f"the oldest answer was {oldest_s:.2f} s old", "expires" if held else "does not expire"
    return Answered(held, f"After {silent_s:g} s without a request {told}.", cell, {"oldest_s": oldest_s})


async def large_values(bench: ProbeBench) -> Answered:
    """Ask for a value of 5 MB, at every pod."""
    bench.origin.padding_bytes = LARGE_BYTES
    replies = [await bench.ask("large", number % PODS) for number in range(2 * PODS)]
    right, loads = sum(one.is_right for one in replies), len(bench.origin.loads)
    is_kept = right == len(replies) and loads <= PODS
    what = "right" if is_kept else f"{right} of {len(replies)} right"
    return Answered(
        is_kept,
        f"Of {len(replies)} requests for a value of {LARGE_BYTES // 1_000_000} MB {right} got it, with "
        f"{counted(loads, 'load')}{errors_named(replies)}.",
        f"{what}, {counted(loads, 'load')}",
        {"requests": len(replies), "right": right, "loads": loads},
    )


def _backwards(replies: Sequence[ProbeReply]) -> int:
    """How many answers are older than one that had been answered before they were asked for."""
    count = 0
    for one in replies:
        assert one.value is not None
        seen = (other.value.read_at_s for other in replies if other.value and other.answered_s <= one.asked_s)
        count += one.value.read_at_s < max(seen, default=0.0)
    return count
