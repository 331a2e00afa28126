"""The last words of pods that a fault ends: their counters and their ledgers, kept before they are gone."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx

from loadtest.figures.incident import Incident
from loadtest.figures.redis_commands import LIFE
from loadtest.worlds.ledger_collector import ANSWER_WITHIN_S, LedgerFile


class Farewells:
    """The last words of the pods of one run."""

    def __init__(self, client: httpx.AsyncClient, pod_urls: Sequence[str], raw: Path, ledger: LedgerFile) -> None:
        self._client, self._pod_urls, self._raw, self._ledger = client, pod_urls, raw, ledger
        self._under_way: dict[tuple[int, int], int] = {}

    async def keep(self, number: int, life: int) -> bool:
        """Keep what a pod's process has counted so far, and its ledger; False where it does not answer any more."""
        url = self._pod_urls[number]
        try:
            answer = await self._client.get(f"{url}/metrics", timeout=ANSWER_WITHIN_S)
            under_way = await self._ledger.fetch_from(url)
        except httpx.HTTPError:
            return False
        if under_way is None or answer.is_error:
            return False
        self._under_way[number, life] = under_way
        (self._raw / f"{LIFE}{life}-pod-{number + 1}.prom").write_bytes(answer.content)
        return True

    def incidents(self) -> Iterator[Incident]:
        """The reads that no ledger has, because their pod ended with them."""
        for (number, _), reads in self._under_way.items():
            if reads:
                yield Incident(
                    f"pod-{number + 1} ended with {reads} reads under way, which no ledger has", spoils=False
                )
