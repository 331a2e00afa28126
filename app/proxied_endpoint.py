"""The route behind a proxy: its answers say for how long they may be kept, and when they were loaded."""

from app.endpoint import BadId, ItemEndpoint, parse_id
from app.proxy import LOADED
from app.strategy import Clock
from app.strategy_runner import Answer, StrategyRunner

_ROUNDING_S = 1e-3
"""The most that the sum of an age and what is left of a freshness lacks of the whole, seconds."""


class ProxiedEndpoint(ItemEndpoint):
    """The route of a strategy behind a proxy, with the headers of RFC 9111 in the place of `Cache-Status`.

    That header is a cache's, and no cache is here: it would be kept, and tell those who come later of the first.
    """

    def __init__(
        self, runner: StrategyRunner, pod: str, key_space: int, client_header: str = "", *, clock: Clock
    ) -> None:
        """`clock` is the cache's."""
        super().__init__(runner, pod, key_space, client_header)
        self._clock = clock

    async def respond(self, query: bytes) -> tuple[bytes, bytes]:
        """Head and body, as of `ItemEndpoint.respond`."""
        try:
            item_id = parse_id(query, self._key_space)
        except BadId as error:
            head, body = self._refusal(error)
        else:
            answer = await self._runner.answer(item_id)
            body = answer.body
            head = f"{self._heads[answer.code]}{self._headers(answer)}content-length: {len(body)}\r\n"
        return head.encode("latin-1"), body

    def _headers(self, answer: Answer) -> str:
        if answer.age_s is None:
            retry_s = answer.stated_retry_s
            return "cache-control: no-store\r\n" + (f"retry-after: {retry_s}\r\n" if retry_s else "")
        ended_s, fresh_for_s = self._clock.now_s(), answer.age_s + answer.ttl_s
        return (
            f"cache-control: max-age={int(fresh_for_s + _ROUNDING_S)}\r\n"
            f"{LOADED}: began={ended_s - answer.age_s:.6f}; ended={ended_s:.6f}\r\n"
        )
