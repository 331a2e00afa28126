"""The faults of a simulated Redis, and their effect on commands, whose replies arrive or are lost as a whole."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

from app.strategy import CacheAway

T = TypeVar("T")


class Lost(CacheAway):
    """A connection was refused or lost before the reply: the sender cannot know whether the command was executed."""


class CommandRefused(CacheAway):
    """An error reply: Redis is reachable, and has not executed the command."""


class Trouble:
    """The faults of one server; `changed` is called when they begin or end."""

    def __init__(self, rng: Random, changed: Callable[[], None]) -> None:
        self._rng, self._changed = rng, changed
        self._is_away = False
        self._refusal: tuple[str, frozenset[str]] = ("", frozenset())
        self._reset_share = 0.0
        self._held: list[tuple[str, Callable[[], Any], asyncio.Future[Any]]] | None = None

    @property
    def is_none(self) -> bool:
        """Whether commands are simply executed."""
        return not (self._is_away or self._reset_share or self._refusal[1]) and self._held is None

    @property
    def is_away(self) -> bool:
        return self._is_away

    def go_away(self) -> None:
        """Make Redis unreachable; commands that were held are lost."""
        self._is_away = True
        for _, _, reply in self._take_held():
            if not reply.done():
                reply.set_exception(Lost("the cache is away"))
        self._changed()

    def come_back(self) -> None:
        self._is_away = False
        self._changed()

    def pause(self) -> None:
        """Hold every command from now on."""
        if self._held is None:
            self._held = []
        self._changed()

    def go_on(self) -> None:
        """Execute the held commands in their order, whether or not their senders still wait."""
        held, self._held = self._take_held(), None
        for name, command, reply in held:
            try:
                answer = self._execute(name, command)
            except (Lost, CommandRefused) as error:
                if not reply.done():
                    reply.set_exception(error)
            else:
                if not reply.done():
                    reply.set_result(answer)
        self._changed()

    def refuse(self, error: str, commands: frozenset[str]) -> None:
        """Answer these commands with that error; an empty set ends it."""
        self._refusal = (error, commands)
        self._changed()

    def reset(self, share: float) -> None:
        """Reset the connection of this share of the commands; 0 ends it."""
        self._reset_share = share
        self._changed()

    async def meet(self, name: str, command: Callable[[], T]) -> T:
        """Execute the command now or after a pause, and return its reply. Raises `Lost` and `CommandRefused`."""
        if self._held is not None and not self._is_away:
            reply: asyncio.Future[T] = asyncio.get_running_loop().create_future()
            self._held.append((name, command, reply))
            return await reply
        return self._execute(name, command)

    def _execute(self, name: str, command: Callable[[], T]) -> T:
        if self._is_away:
            raise Lost("the cache is away")
        error, refused = self._refusal
        if name in refused:
            raise CommandRefused(error)
        if self._reset_share and self._rng.random() < self._reset_share:
            if self._rng.random() < 0.5:
                command()
            raise Lost("the connection was reset")
        return command()

    def _take_held(self) -> list[tuple[str, Callable[[], Any], asyncio.Future[Any]]]:
        held = self._held or []
        if self._held is not None:
            self._held = []
        return held
