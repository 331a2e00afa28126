"""Clients of a scenario: its `[client]` table, and the policy of their retries, which every world shares.

A client that waits forever and asks once is the default. An impatient one abandons an attempt after its time-out, and
tries again after a delay. The service knows nothing of it, and works on for an answer that is dropped.

Delays are functions of the run's seed, the number of the request and the number of the attempt, so that every world
draws the same. Requests are numbered from 0 on: in an open loop by the order of all arrivals, in a closed one by
`number_of`.
"""

import hashlib
import math
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple

from pydantic import Field, model_validator

from loadtest.workload.table import Table

RETRIES_MAX = 20
"""The most retries of a request that a scenario may state."""
BUDGET_BURST = 10.0
"""The retries that a budget allows before it has earned any, and the most that it saves up."""
RETRY_AFTER_MAX_S = 60.0
"""The longest `Retry-After` that a client obeys, in seconds; one that is longer counts as this."""
NO_ANSWER = 0
"""The code of a request without an answer, as in the records."""
TOO_MANY_REQUESTS = 429
_DRAW_BITS = 53


class ClientTable(Table):
    """The `[client]` table of a scenario: how long clients wait, and what they do without a good answer.

    Without it clients wait for every answer, and ask once. The back-offs are those of AWS, "Exponential Backoff And
    Jitter" (2015).
    """

    timeout_s: float | None = Field(None, ge=0.001, le=300)
    """Seconds from the sending of an attempt until its client abandons it; None waits as long as the answer takes."""
    retries: int = Field(0, ge=0, le=RETRIES_MAX)
    """The most attempts of a request after its first one."""
    backoff: Literal["fixed", "exponential"] = "exponential"
    """The growth of the delay before each retry: it stays `base_s`, or it doubles from there up to `cap_s`."""
    base_s: float = Field(0.2, ge=0.001, le=300)
    """The delay before the first retry in seconds, before jitter."""
    cap_s: float = Field(20.0, ge=0.001, le=300)
    """The longest delay in seconds, but for a `Retry-After`, which the range of the delay then begins at."""
    jitter: Literal["none", "full", "equal", "decorrelated"] = "full"
    """The random part of the delay d: none, all of it (0 to d), the upper half (d / 2 to d), or decorrelated.

    A decorrelated delay lies between `base_s` and three times the one before, so that it grows by itself.
    """
    obeys_retry_after: bool = True
    """Whether a `Retry-After` is the least delay, as RFC 9110 asks; a client without that goes by its own alone."""
    budget: float | None = Field(None, ge=0, le=RETRIES_MAX)
    """Retries as a share of requests, over all clients of a process (`RetryBudget`); None sets no bound."""

    @model_validator(mode="after")
    def _delays_fit(self) -> "ClientTable":
        if self.cap_s < self.base_s:
            raise ValueError(f"cap_s ({self.cap_s:g}) must be at least base_s ({self.base_s:g})")
        if self.jitter == "decorrelated" and self.backoff == "fixed":
            raise ValueError("jitter: decorrelated grows by itself, and needs backoff exponential")
        return self

    @property
    def is_patient(self) -> bool:
        """Whether clients wait for every answer and ask once, as without the table."""
        return self.timeout_s is None and not self.retries

    @property
    def without_effect(self) -> list[str]:
        """The parts of it that have no effect, in sentences."""
        if self.retries:
            return []
        changed = self.model_dump(exclude_defaults=True, exclude={"timeout_s", "retries"})
        return [f"client.{field} has no effect: client.retries is 0" for field in changed]

    @property
    def delays_s_max(self) -> float:
        """The longest time that a request spends between its attempts, in seconds."""
        return self.retries * (self.cap_s + RETRY_AFTER_MAX_S)


class Outcome(NamedTuple):
    """The end of one attempt, as far as it decides on a retry."""

    code: int
    """The status code of the answer; `NO_ANSWER` where the attempt was refused, cut off or abandoned."""
    retry_after_s: float = 0.0
    """The least delay that the answer asks for, in seconds (`retry_after_s`)."""

    @property
    def is_retried(self) -> bool:
        """Whether another attempt may get a better answer: there was none, or it was 429 or 5xx."""
        return self.code in (NO_ANSWER, TOO_MANY_REQUESTS) or self.code >= 500


UNANSWERED_ATTEMPT = Outcome(NO_ANSWER)


class RetryBudget:
    """A bound on retries as a share of requests: a token bucket, in which a retry costs one token.

    Each request earns `share` tokens. At most `burst` are saved up, so that a quiet hour pays for no storm, and as many
    are there at the beginning. All retries of n requests are thus at most `share` * n + `burst`. Finagle's
    `RetryBudget` and gRPC's retry throttling work alike; Google's SRE book (chapter 21) sets a share of 0.1.
    """

    __slots__ = ("_burst", "_left", "_share")

    def __init__(self, share: float, burst: float = BUDGET_BURST) -> None:
        """Fill the bucket; clients in several processes each get their part of the `burst`."""
        self._share, self._burst, self._left = share, burst, burst

    def earn(self, requests: int = 1) -> None:
        """Count requests."""
        self._left = min(self._burst, self._left + requests * self._share)

    def spend(self) -> bool:
        """Take a token for a retry; False where there is none, and the retry is not to be made."""
        if self._left < 1 - 1e-9:  # ten shares of 0.1 are to be one token
            return False
        self._left -= 1
        return True


class RetryPolicy:
    """The retries of all clients of one process: whether an attempt is followed by another, and after which delay.

    Call `begin` once for each request, and `delay_s` after each attempt that has ended. Attempt n + 1 goes to the pod
    after that of attempt n.
    """

    def __init__(self, table: ClientTable, seed: int, processes: int = 1) -> None:
        """Set up the policy of one of so many `processes`, which share the burst of the budget."""
        self.table, self._seed = table, seed
        self._budget = None if table.budget is None else RetryBudget(table.budget, BUDGET_BURST / processes)

    def begin(self, requests: int = 1) -> None:
        """Count requests that send their first attempt."""
        if self._budget is not None:
            self._budget.earn(requests)

    def delay_s(self, number: int, attempt: int, outcome: Outcome) -> float | None:
        """The seconds from the end of an attempt to the next one; None where the request has ended with it.

        `number` is the request's, and `attempt` is that of the attempt that has ended, from 1 on.
        """
        if attempt > self.table.retries or not outcome.is_retried:
            return None
        if self._budget is not None and not self._budget.spend():
            return None
        not_before_s = min(outcome.retry_after_s, RETRY_AFTER_MAX_S) if self.table.obeys_retry_after else 0.0
        return backoff_s(self.table, self._seed, number, attempt, not_before_s)


def backoff_s(table: ClientTable, seed: int, number: int, attempt: int, not_before_s: float = 0.0) -> float:
    """The delay after that attempt of that request, in seconds; `attempt` counts from 1 on.

    The range of the delay is moved up where it begins before `not_before_s`, so that jitter spreads it there, too.
    """
    if table.jitter == "decorrelated":
        before_s = table.base_s if attempt == 1 else backoff_s(table, seed, number, attempt - 1)
        low_s, high_s = table.base_s, 3 * before_s
    else:
        doublings = attempt - 1 if table.backoff == "exponential" else 0
        high_s = min(table.cap_s, math.ldexp(table.base_s, doublings))
        low_s = {"none": high_s, "full": 0.0, "equal": high_s / 2}[table.jitter]
    drawn_s = low_s if low_s == high_s else low_s + draw(seed, number, attempt) * (high_s - low_s)
    return min(table.cap_s, drawn_s) + max(0.0, not_before_s - low_s)


def draw(seed: int, number: int, attempt: int, what: str = "retry") -> float:
    """A number from 0 up to 1, evenly distributed: the same in every world and on every machine."""
    digest = hashlib.blake2b(f"{seed}/{what}/{number}/{attempt}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest) >> (64 - _DRAW_BITS)) / (1 << _DRAW_BITS)


def number_of(user: int, asked: int, users: int) -> int:
    """The number of a closed loop's request: of that user, who has asked so often before, among so many users."""
    return user + asked * users


def retry_after_s(header: str | None, now_s: float) -> float:
    """The seconds that a `Retry-After` header asks for (RFC 9110, 10.2.3); 0 where it says nothing that can be read.

    It states seconds, or a date, which is compared with `now_s` on the clock of seconds since the epoch.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return 0.0
    return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now_s)
