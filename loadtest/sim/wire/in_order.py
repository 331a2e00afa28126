"""A set in the order in which its members came: what is done for each has one order in every run."""

from collections.abc import Iterator
from typing import Any


class InOrder:
    """A set in the order in which its members came."""

    def __init__(self) -> None:
        self._members: dict[Any, None] = {}

    def add(self, member: Any) -> None:
        self._members[member] = None

    def discard(self, member: Any) -> None:
        self._members.pop(member, None)

    def __contains__(self, member: object) -> bool:
        return member in self._members

    def __iter__(self) -> Iterator[Any]:
        return iter((*self._members,))

    def __len__(self) -> int:
        return len(self._members)
