"""The parser of one HTTP answer after the other on a connection, whatever a server sends."""

from collections.abc import Iterator, Mapping, Sequence

import httptools

BODY_BYTES_MAX = 8 << 20
"""The longest body of an answer; an item of the lab has some hundred bytes."""
HEAD_BYTES_MAX = 64 << 10
"""The longest head of an answer, those of interim answers before it among them."""
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})


class NoAnswer(ValueError):
    """The bytes of a server are no HTTP answer, or one that is too long."""


class Headers(Mapping[str, str]):
    """The headers of an answer, found whatever the case of their names; of several of a name, the first."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        self._pairs = pairs

    def __getitem__(self, name: str) -> str:
        wanted = name.lower().encode("latin-1", "replace")
        for one, value in self._pairs:
            if one == wanted or one.lower() == wanted:
                return value.decode("latin-1")
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter({one.decode("latin-1").lower(): None for one, _ in self._pairs})

    def __len__(self) -> int:
        return len({one.lower() for one, _ in self._pairs})


class AnswerParser:
    """A parser that is fed what arrives, and holds one answer until the next is begun."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.begin()

    def begin(self) -> None:
        """Forget the answer, and begin the next."""
        self.code = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self._body = bytearray()  # which grows in place: a body may come byte by byte
        self._head_bytes = 0
        self.is_complete = False
        """Whether the answer has arrived as a whole."""
        self.is_last = False
        """Whether the connection is of no use afterwards."""
        self._lasts_until_the_end = False

    @property
    def body(self) -> bytes:
        """The body, as far as it has arrived."""
        return bytes(self._body)

    def feed(self, data: bytes) -> None:
        """Parse what has arrived. Raises `NoAnswer`."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise NoAnswer(f"no HTTP answer: {error.__context__ or error}") from None

    def end(self) -> bool:
        """Note that the connection has ended; whether an answer without a stated length is whole by that."""
        if self._lasts_until_the_end and not self.is_complete:
            self.is_complete = self.is_last = True
        return self.is_complete

    # called by httptools

    def on_message_begin(self) -> None:
        self.is_last = self.is_last or self.is_complete  # two answers to one request

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > HEAD_BYTES_MAX:
            raise NoAnswer(f"a head of more than {HEAD_BYTES_MAX} bytes")
        if not self.is_complete:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        code = self._parser.get_status_code()
        if code >= 200 and not self.is_complete:
            self.code = code
            self._lasts_until_the_end = not any(name.lower() in _FRAMING for name, _ in self.headers)

    def on_body(self, body: bytes) -> None:
        if self.is_complete:
            return
        if len(self._body) + len(body) > BODY_BYTES_MAX:
            raise NoAnswer(f"more than {BODY_BYTES_MAX} bytes")
        self._body += body

    def on_message_complete(self) -> None:
        if not self.code:
            self.headers = []  # those of an interim answer
        elif not self.is_complete:
            self.is_complete, self.is_last = True, not self._parser.should_keep_alive()
