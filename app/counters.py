"""Plain numbers behind Prometheus's metrics: to count is an addition, and everything else is left to the scrape.

prometheus_client's own counters take a lock for every addition, and walk a histogram's buckets one by one. That costs a
cache hit 4 us, and a scrape of a pod with 20 strategies 17 ms during which the pod gives no answer. A pod counts in
one thread, so it needs neither. A family here is a collector of prometheus_client's registry, which names, escapes and
encodes its children as it does its own.
"""

import time
from abc import abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import ClassVar, Generic, TypeVar

from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

Labels = dict[str, str]


class Count:
    """A number that only grows."""

    __slots__ = ("created_s", "number")

    def __init__(self) -> None:
        self.number: float = 0
        self.created_s = time.time()

    def add(self, by: float = 1) -> None:
        self.number += by


class Level:
    """A number that goes up and down, and is asked for at the scrape."""

    __slots__ = ("read",)

    def __init__(self) -> None:
        self.read: Callable[[], float] = float

    def set(self, value: float) -> None:
        self.read = lambda: value


class Buckets:
    """The counts of values up to each of some bounds, and their sum."""

    __slots__ = ("bounds", "counts", "created_s", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)  # not yet cumulative; the last holds what is above every bound
        self.sum = 0.0
        self.created_s = time.time()

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


C = TypeVar("C")


class Family(Collector, Generic[C]):
    """A metric and its children, one for each combination of labels; a collector of prometheus_client's registry."""

    kind: ClassVar[str]
    """The metric's type, in Prometheus's words."""

    def __init__(self, name: str, documentation: str, label_names: Sequence[str] = ()) -> None:
        self.name = name
        self.documentation = documentation
        self.label_names = tuple(label_names)
        self._children: dict[tuple[str, ...], C] = {}

    def __len__(self) -> int:
        return len(self._children)

    def labels(self, *values: str) -> C:
        """The child with these values of the labels, which is made where there is none yet."""
        if len(values) != len(self.label_names):
            raise ValueError(f"{self.name} has the labels {self.label_names}, not {len(values)}")
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = self._new()
        return child

    def collect(self) -> Iterable[Metric]:
        """The metric as prometheus_client knows it."""
        metric = Metric(self.name, self.documentation, self.kind)
        for values, child in self._children.items():
            labels = dict(zip(self.label_names, values, strict=True))
            for (suffix, own), number in zip(self._names(child), self._numbers(child), strict=True):
                metric.add_sample(self.name + suffix, {**labels, **own}, float(number))
            if (created_s := getattr(child, "created_s", None)) is not None:
                metric.add_sample(f"{self.name}_created", labels, created_s)
        return [metric]

    def numbers(self) -> list[float]:
        """The numbers of all children, in the order of their samples, without the times of creation."""
        return [number for child in self._children.values() for number in self._numbers(child)]

    @abstractmethod
    def _new(self) -> C: ...

    @abstractmethod
    def _names(self, child: C) -> Iterable[tuple[str, Labels]]:
        """The suffix and further labels of each number of a child."""

    @abstractmethod
    def _numbers(self, child: C) -> Iterable[float]: ...


class CounterFamily(Family[Count]):
    """Numbers that only grow."""

    kind = "counter"

    def _new(self) -> Count:
        return Count()

    def _names(self, child: Count) -> Iterable[tuple[str, Labels]]:
        return [("_total", {})]

    def _numbers(self, child: Count) -> Iterable[float]:
        return (child.number,)


class GaugeFamily(Family[Level]):
    """Numbers that go up and down."""

    kind = "gauge"

    def _new(self) -> Level:
        return Level()

    def _names(self, child: Level) -> Iterable[tuple[str, Labels]]:
        return [("", {})]

    def _numbers(self, child: Level) -> Iterable[float]:
        return (child.read(),)


class HistogramFamily(Family[Buckets]):
    """Distributions over buckets with these upper bounds, in ascending order."""

    kind = "histogram"

    def __init__(self, name: str, documentation: str, label_names: Sequence[str] = (), *, buckets: Sequence[float]):
        super().__init__(name, documentation, label_names)
        self._bounds = tuple(map(float, buckets))

    def _new(self) -> Buckets:
        return Buckets(self._bounds)

    def _names(self, child: Buckets) -> Iterable[tuple[str, Labels]]:
        bounds = [*map(floatToGoString, self._bounds), "+Inf"]
        return [*(("_bucket", {"le": bound}) for bound in bounds), ("_count", {}), ("_sum", {})]

    def _numbers(self, child: Buckets) -> Iterable[float]:
        cumulative = list(accumulate(child.counts))
        return (*cumulative, cumulative[-1], child.sum)
