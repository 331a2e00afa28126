"""The record of a request, in every loop: its answer is checked, its line is written, and it is reported.

Reports go to Locust and to the metrics.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from app.proxy import LOADED
from app.strategy import Status
from loadtest.generator.exporter import LoadMetrics
from loadtest.generator.plan import LoadPlan
from loadtest.workload.answer_check import Seen
from loadtest.workload.client import NO_ANSWER, Outcome, retry_after_s
from loadtest.workload.proxied_answer import through_proxy

REROUTED = "(rerouted)"
RETRIED = "(retried)"
"""The name under which Locust counts the attempts that are followed by another; requests keep their own names."""
_STATUSES = frozenset(Status)
_TEXTS = tuple(map(str, range(1_000)))
"""The texts of status codes and numbers of attempts, which a line takes faster than numbers."""


class WrongAnswer(Exception):
    """The failure of an answer that arrived and is wrong; importing Locust's own exceptions imports all of Locust."""


class ClientLeft(Exception):
    """The failure of a request whose client closed its connection before the answer, by a fault of the scenario."""

    def __init__(self) -> None:
        super().__init__("the client left before its answer")


class HttpAnswer(NamedTuple):
    """The answer to a request; without one `code` is 0 and `error` is the reason."""

    code: int
    body: bytes
    headers: Any
    error: BaseException | None
    took_ms: float


UNANSWERED = HttpAnswer(0, b"", {}, ConnectionAbortedError("the test ended before the answer"), 0.0)


class EndedRequest(NamedTuple):
    """A request that has ended, as Locust and the metrics count it."""

    name: str
    url: str
    answer: HttpAnswer
    failed: BaseException | None
    ended_s: float
    """The end of the request, seconds since the epoch."""
    strategy: str
    latency_s: float
    """The time from the intended start to the end."""
    lateness_s: float
    fault: str
    attempt: int = 1
    """The number of its last attempt."""


class Reporter:
    """The way of reports to Locust, by its own event of a request, and to the metrics."""

    def __init__(self, tell: Callable[..., None], metrics: LoadMetrics | None) -> None:
        """Set up the reporter: `tell` fires Locust's event of a request that has ended."""
        self._tell, self._metrics = tell, metrics

    def report(self, ended: EndedRequest) -> None:
        """Report a request: Locust's response time counts from sending, the lab's latency from the intended start."""
        answer = ended.answer
        self._tell(
            request_type="GET",
            name=ended.name,
            url=ended.url,
            response_time=answer.took_ms,
            response_length=len(answer.body),
            response=answer,
            context={},
            exception=ended.failed,
            start_time=ended.ended_s - answer.took_ms / 1000,
        )
        if self._metrics is None:
            return
        if ended.attempt > 1:
            self._metrics.retried(ended.strategy)
        if ended.name == REROUTED:
            self._metrics.rerouted()
        elif ended.name == RETRIED:
            self._metrics.failed_attempt(ended.strategy, answer.code)
        else:
            self._metrics.answered(ended.strategy, answer.code, ended.latency_s, ended.lateness_s, ended.fault)
            if answer.code == NO_ANSWER:
                self._metrics.gave_up(ended.strategy)


class AnswerRecorder:
    """The record of the answers of one process, each checked against those before it."""

    def __init__(self, plan: LoadPlan, report: Callable[[EndedRequest], None]) -> None:
        """Set up the record: `report` gets what Locust and the metrics are to be told."""
        self._plan, self._report = plan, report

    def keep(
        self,
        strategy: str,
        key: int,
        floor_s: float,
        moments_s: tuple[float, float, float, float],
        url: str,
        answer: HttpAnswer,
        attempt: int = 1,
    ) -> None:
        """Check a request's last answer, write its line, and report it.

        `moments_s` are when the request was intended, when its first and its last attempt were sent, and when it ended.
        `floor_s` is the key's floor as the last attempt was sent.
        """
        code, body, check, fault = answer.code, answer.body, self._plan.answers, ""
        status, age_s = _told(answer.headers.get("cache-status", ""))
        intended_s, first_sent_s, sent_s, ended_s = moments_s
        if age_s is None and (loaded := answer.headers.get(LOADED)):
            status, age_s = through_proxy(status, loaded, check.at_cache(sent_s), check.at_cache(ended_s))
        if code == 200:
            fault = check.fault(strategy, key, body, Seen(status, age_s, sent_s, ended_s), floor_s)
        elif code == 404:
            fault = check.absent_fault(key, body)
        failed: BaseException | None = answer.error
        if failed is None and (fault or code not in (200, 404)):
            failed = WrongAnswer(fault or f"{code} {body[:200].decode(errors='replace')}")
        self._plan.records.answer(
            f"{intended_s:.6f}",
            f"{first_sent_s:.6f}",
            f"{ended_s:.6f}",
            key,
            _TEXTS[code],
            status,
            "" if age_s is None else f"{age_s:.3f}",
            answer.headers.get("x-served-by", ""),
            fault,
            _TEXTS[attempt],
            "1" if code == NO_ANSWER else "0",
        )
        name, latency_s, lateness_s = f"/{strategy}/data", ended_s - intended_s, first_sent_s - intended_s
        self._report(EndedRequest(name, url, answer, failed, ended_s, strategy, latency_s, lateness_s, fault, attempt))

    def retry(self, strategy: str, url: str, answer: HttpAnswer, ended_s: float, attempt: int) -> None:
        """Report an attempt that has failed and is followed by another; it has no line of its own."""
        self._report(EndedRequest(RETRIED, url, answer, None, ended_s, strategy, 0.0, 0.0, "", attempt))

    def reroute(self, strategy: str, url: str, answer: HttpAnswer, ended_s: float) -> None:
        """Report a request that could not reach its pod, and asks another one now."""
        self._report(EndedRequest(REROUTED, url, answer, None, ended_s, strategy, 0.0, 0.0, ""))


def outcome_of(answer: HttpAnswer, ended_s: float) -> Outcome:
    """The end of an attempt, as a retry policy reads it; it ended at `ended_s`, seconds since the epoch."""
    ended = Outcome(answer.code)
    if answer.code == NO_ANSWER or not ended.is_retried:
        return ended
    return ended._replace(retry_after_s=retry_after_s(answer.headers.get("retry-after"), ended_s))


def _told(cache_status: str) -> tuple[str, float | None]:
    """The status and the age in a Cache-Status header; "" and None where an answer cannot have them."""
    status, age = (_parameter(cache_status, name) for name in ("detail", "age"))
    try:
        age_s = float(age)
    except ValueError:
        age_s = math.nan
    return status if status in _STATUSES else "", age_s if math.isfinite(age_s) else None


def _parameter(cache_status: str, name: str) -> str:
    """The value of one parameter of a Cache-Status header; empty without one."""
    _, found, rest = cache_status.partition(f"; {name}=")
    return rest.split(";", 1)[0] if found else ""
