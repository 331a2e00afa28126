"""The writer of virtual time: it has items written by the pods in turn, at the moments that the seed gives."""

from loadtest.sim.cluster.cluster import Cluster
from loadtest.sim.cluster.pod import SimulatedPod
from loadtest.sim.cluster.recorder import Recorder
from loadtest.workload.writes import Write, writes_of


class Writer:
    """The owner of a run's writes. One for which no pod is there to take it is not made, and counted."""

    def __init__(self, cluster: Cluster, recorder: Recorder, start_s: float) -> None:
        scenario = cluster.scenario
        assert scenario.writes is not None
        self._cluster, self._recorder, self._start_s = cluster, recorder, start_s
        self._coming = enumerate(writes_of(scenario.writes, scenario.keys, scenario.duration_s, cluster.seed))
        self.not_made = 0
        self._wait()

    def _wait(self) -> None:
        if (coming := next(self._coming, None)) is not None:
            self._cluster.loop.call_at(self._start_s + coming[1].time_s, self._write, *coming)

    def _write(self, number: int, write: Write) -> None:
        self._wait()
        pods = self._cluster.pods
        able = [pod for pod in pods if pod.is_up and not pod.is_ending and pod.gate.is_open]
        if not able:
            self.not_made += 1
            return
        pod: SimulatedPod = able[number % len(able)]
        began_s = self._cluster.loop.now_s
        pod.write(write.key, lambda: self._recorder.written(began_s, self._cluster.loop.now_s, write.key))
