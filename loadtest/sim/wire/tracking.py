"""Client-side caching by CLIENT TRACKING in BCAST mode: which clients hear of which keys that change."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Tracked:
    """The keys that a client tracks, by prefix, and the client that hears of them."""

    hears: int
    prefixes: tuple[bytes, ...]
    is_silent_on_own: bool


class Tracking:
    """The clients that track keys."""

    def __init__(self) -> None:
        self._tracked: dict[int, _Tracked] = {}

    @property
    def is_asked(self) -> bool:
        """Whether any client tracks keys."""
        return bool(self._tracked)

    def ask(self, client: int, words: Sequence[bytes], clients: Collection[int]) -> None:
        """Do what CLIENT TRACKING with these words asks, sent by the client of that number.

        Raises ValueError with the text of the error.
        """
        if [word.upper() for word in words] == [b"OFF"]:
            self._tracked.pop(client, None)
        else:
            before = self._tracked.get(client)
            self._tracked[client] = _asked(client, words, clients, before.prefixes if before else ())

    def forget(self, client: int) -> None:
        """Forget a client that has gone."""
        self._tracked.pop(client, None)

    def told(self, is_flushed: bool, changed: Mapping[bytes, int]) -> Iterator[tuple[int, list[bytes] | None]]:
        """The numbers of clients that hear of keys, each with those keys, or with None for all.

        `changed` has the number of the client that changed a key.
        """
        for client, tracked in self._tracked.items():
            if is_flushed:
                yield tracked.hears, None
                continue
            keys = [  # sorted, as Redis's own tree of them is
                key
                for key, author in sorted(changed.items())
                if key.startswith(tracked.prefixes) and not (tracked.is_silent_on_own and author == client)
            ]
            if keys:
                yield tracked.hears, keys


def _asked(client: int, words: Sequence[bytes], clients: Collection[int], before: tuple[bytes, ...]) -> _Tracked:
    """The keys that a client asks to hear of. Raises ValueError with the text of the error."""
    if not words or words[0].upper() != b"ON":
        raise ValueError("syntax error")
    hears, prefixes, flags = client, list(before), set[bytes]()
    options = iter(words[1:])
    for option in map(bytes.upper, options):
        if option == b"REDIRECT":
            hears = int(_value(options))
            if hears not in clients:
                raise ValueError("The client ID you want redirect to does not exist")
        elif option == b"PREFIX":
            prefixes.append(_value(options))
        elif option in {b"BCAST", b"NOLOOP", b"OPTIN", b"OPTOUT"}:
            flags.add(option)
        else:
            raise ValueError("syntax error")
    if b"BCAST" not in flags and prefixes:
        raise ValueError("PREFIX option requires BCAST mode to be enabled")
    if b"BCAST" not in flags or flags & {b"OPTIN", b"OPTOUT"}:
        raise ValueError("this simulated Redis tracks keys in BCAST mode only")
    return _Tracked(hears, tuple(prefixes) or (b"",), b"NOLOOP" in flags)


def _value(options: Iterator[bytes]) -> bytes:
    value = next(options, None)
    if value is None:
        raise ValueError("syntax error")
    return value
