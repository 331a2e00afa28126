"""Scrapes of pods that never ran: what they would tell of a given traffic, or of whatever a test says."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

PODS = ("pod-1", "pod-2", "pod-3")
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class StrategyRunner:
    """Strangers' requests for one strategy, and what it does about them. Times are seconds of the made-up run."""

    strategy: str
    rate_per_s: float
    collapses: bool = False
    """One load of a key at a time, over all pods; else everybody loads who finds no fresh entry."""
    keys: int = 2
    hot_share: float = 0.95
    """Of the first key; the others share what is left. 0: all are equally popular."""
    ttl_s: float = 5.0
    latency_s: float = 0.2
    emptied_s: Sequence[float] = ()
    """When the cache is emptied."""
    away_s: tuple[float, float] = (0.0, 0.0)
    """While there is no cache: a pod then collapses its own loads, if it collapses any."""


class MadeUp:
    """What was told from `start_s` (since the epoch) on, each second, by pods and whoever else is scraped."""

    def __init__(self, start_s: int, duration_s: int, seed: int, pods: Sequence[str] = PODS) -> None:
        self.start_s, self.end_s, self.duration_s = start_s, start_s + duration_s, duration_s
        self.pods = pods
        self._rng = Random(seed)
        self._counted: dict[tuple[str, Labels], list[float]] = defaultdict(list)
        self._levels: list[tuple[str, Labels, list[tuple[float, float]]]] = []
        self._silent: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self._restarted: dict[str, float] = {}
        for pod in (*pods, "sender"):
            self.level("up", pod, [(0, 1)], job="load" if pod == "sender" else "app")

    def counts(self, name: str, pod: str, moments_s: Iterable[float], **labels: str) -> None:
        """A counter that grows by one at each moment; it is there from the start."""
        self._counted[name, _labels(pod, labels)].extend(moments_s)

    def level(self, name: str, pod: str, changes: Sequence[tuple[float, float]], **labels: str) -> None:
        """A gauge that has each value from that moment on."""
        self._levels.append((name, _labels(pod, labels), list(changes)))

    def silent(self, pods: Iterable[str], from_s: float, until_s: float) -> None:
        """Nobody stores what these tell meanwhile: neither are they scraped nor missed."""
        for pod in pods:
            self._silent[pod].append((from_s, until_s))

    def restarts(self, pod: str, at_s: float) -> None:
        """Its counters begin anew."""
        self._restarted[pod] = at_s

    def serves(self, arm: StrategyRunner) -> None:
        """The arm's requests over the whole run, spread over the pods."""
        for pod in self.pods:
            for status in ("hit", "miss", "collapsed", "shed", "error"):
                self.counts("lab_requests_total", pod, (), strategy=arm.strategy, status=status)
            self.counts("lab_origin_asked_total", pod, (), strategy=arm.strategy, reason="miss")
            self.counts("lab_origin_asked_again_total", pod, (), strategy=arm.strategy)
        for now_s, pod, status, is_again in _answers(arm, self.pods, self.duration_s, self._rng):
            self.counts("lab_requests_total", pod, (now_s,), strategy=arm.strategy, status=status)
            if status == "miss":
                self.counts("lab_origin_asked_total", pod, (now_s,), strategy=arm.strategy, reason="miss")
            if is_again:
                self.counts("lab_origin_asked_again_total", pod, (now_s,), strategy=arm.strategy)

    def lines(self) -> Iterator[str]:
        """All scrapes in Prometheus' text form, with their times."""
        for (name, labels), moments_s in self._counted.items():
            moments_s.sort()
            pod, count = dict(labels)["pod"], 0
            began_s = self._restarted.get(pod, float("inf"))
            for scraped_s in self._scrapes(pod):
                while count < len(moments_s) and moments_s[count] <= scraped_s:
                    count += 1
                before = sum(moment_s < began_s for moment_s in moments_s) if scraped_s > began_s else 0
                yield self._line(name, labels, count - before, scraped_s)
        for name, labels, changes in self._levels:
            for scraped_s in self._scrapes(dict(labels)["pod"]):
                now = [value for from_s, value in changes if from_s <= scraped_s]
                if now:
                    yield self._line(name, labels, now[-1], scraped_s)

    def _scrapes(self, pod: str) -> Iterator[float]:
        """Each second, each pod at its own moment in it."""
        phase_s = Random(pod).random()
        for second in range(self.duration_s):
            moment_s = second + phase_s
            if not any(from_s <= moment_s < until_s for from_s, until_s in self._silent[pod]):
                yield moment_s

    def _line(self, name: str, labels: Labels, value: float, moment_s: float) -> str:
        said = ",".join(f'{label}="{text}"' for label, text in labels)
        return f"{name}{{{said}}} {value:g} {int((self.start_s + moment_s) * 1000)}"


def _labels(pod: str, labels: dict[str, str]) -> Labels:
    return tuple(sorted({"pod": pod, "job": "app", "instance": pod, **labels}.items()))


def _answers(
    arm: StrategyRunner, pods: Sequence[str], duration_s: float, rng: Random
) -> Iterator[tuple[float, str, str, bool]]:
    """Each request: when, by which pod, with which status, and whether its pod was loading the key already."""
    landed: dict[int, tuple[float, float]] = {}  # of a key: when its load ends, and until when it is fresh then
    loading_until: dict[tuple[str, int], float] = {}
    emptied = sorted(arm.emptied_s)
    now_s = 0.0
    while (now_s := now_s + rng.expovariate(arm.rate_per_s)) < duration_s:
        if emptied and now_s >= emptied[0]:
            emptied.pop(0)
            landed.clear()
        is_away = arm.away_s[0] <= now_s < arm.away_s[1]
        if is_away:
            landed.clear()
        key = 0 if rng.random() < arm.hot_share else rng.randrange(1 if arm.hot_share else 0, arm.keys)
        pod = rng.choice(pods)
        lands_s, fresh_until_s = landed.get(key, (0.0, 0.0))
        if lands_s <= now_s < fresh_until_s:
            yield now_s, pod, "hit", False
            continue
        place = (pod, key) if is_away or not arm.collapses else ("", key)
        is_loading = loading_until.get(place, 0.0) > now_s
        if is_loading and arm.collapses:
            yield now_s, pod, "collapsed", False
            continue
        yield now_s, pod, "miss", is_loading
        loading_until[place] = now_s + arm.latency_s
        if lands_s <= now_s and not is_away:
            landed[key] = (now_s + arm.latency_s, now_s + arm.ttl_s)
