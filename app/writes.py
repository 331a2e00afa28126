"""Writes of items: the store first, then what becomes of the entries that the cache has of them.

A pod has a writer only with the setting `invalidation`. It writes as an application does that owns the data, without a
word to readers. With `delete` a load under a lock that began before the write stores nothing after it. One without a
lock may, and so may any other with `none` and `write-through`: what that costs is measured, see
`loadtest.figures.overtaken`.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Protocol

from app.item import Found, ItemForm
from app.strategy import Cache, CacheAway, Clock


class Invalidation(StrEnum):
    """The fate of an entry whose item is written."""

    NONE = "none"  # it stays until its time is over
    DELETE = "delete"  # it is dropped, and the next reader loads
    WRITE_THROUGH = "write-through"  # it is replaced by the new value, with as long a life as it had


class WrittenStore(Protocol):
    """A store whose items can be written."""

    async def write(self, item_id: int, at_s: float) -> Found:
        """Give an item its next version, as of `at_s` on the cache's clock, and return it. Raises `OriginFailed`.

        None where there is no such item.
        """
        ...


class ItemWriter:
    """The writes of one pod, which reach the entries of all its strategies."""

    def __init__(
        self,
        store: WrittenStore,
        cache: Cache,
        clock: Clock,
        form: ItemForm,
        strategies: Iterable[str],
        invalidation: Invalidation,
    ) -> None:
        self._store, self._cache, self._clock, self._form = store, cache, clock, form
        self._prefixes = [f"lab:{name}:" for name in strategies]
        self._invalidation = invalidation

    async def write(self, item_id: int) -> bool:
        """Write an item, and tell whether its entries are as the invalidation says. Raises `OriginFailed`.

        They are not where the cache is away: the write stands, and the old entry lives on.
        """
        found = await self._store.write(item_id, self._clock.now_s())
        written_s = self._clock.now_s()
        try:
            for prefix in self._prefixes:
                await self._invalidate(f"{prefix}{item_id}", item_id, found, written_s)
        except CacheAway:
            return False
        return True

    async def _invalidate(self, key: str, item_id: int, found: Found, written_s: float) -> None:
        if self._invalidation is Invalidation.DELETE:
            await self._cache.delete(key)
        elif self._invalidation is Invalidation.WRITE_THROUGH:
            before = await self._cache.get(key)
            if before is not None:
                loaded = self._form.loaded(item_id, found, written_s, before.cost_s)
                read_at_s = before.read_at_s
                entry = loaded.as_entry(before.fresh_until_s - read_at_s, before.keep_until_s - read_at_s)
                await self._cache.put(key, entry)
