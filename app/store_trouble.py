"""The faults of a store: the one policy of reads that fail, are slow or hang, in the service and in virtual time."""

import asyncio
from random import Random


class StoreTrouble:
    """The trouble that a store is in; reads that begin meanwhile have it."""

    def __init__(self, rng: Random) -> None:
        self.fails_share = 0.0
        """The share of the reads that fail, each after its full time."""
        self.times = 1.0
        """The factor by which a read takes longer."""
        self.hangs = False
        """Whether reads begin only when it hangs no longer."""
        self._hangs_until = asyncio.Event()
        self._rng = rng

    def hang(self) -> None:
        """Make reads that begin from now on wait for `go_on`."""
        if not self.hangs:
            self.hangs, self._hangs_until = True, asyncio.Event()

    def go_on(self) -> None:
        self.hangs = False
        self._hangs_until.set()

    async def going_on(self) -> None:
        """Wait until the store hangs no longer."""
        if self.hangs:
            await self._hangs_until.wait()

    def fails(self) -> bool:
        """Whether the read that begins now is one of the share that fails."""
        return self.fails_share > 0 and self._rng.random() < self.fails_share
