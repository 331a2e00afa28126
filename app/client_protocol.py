"""The HTTP connection of a pod that limits the rate of its clients: it tells endpoints whose request theirs is.

A pod without such a limit has `BoundedProtocol`, which keeps nothing of a request for an item but its query.
"""

from functools import partial
from typing import Any

from app.endpoint import CLIENT_BYTES_MAX
from app.http_protocol import BoundedProtocol


class ClientProtocol(BoundedProtocol):
    """A connection that calls the `respond` of an item with the client first, and then the query."""

    def __init__(self, *arguments: Any, **uvicorns: Any) -> None:
        super().__init__(*arguments, **uvicorns)
        self._client: str | None = None

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if self._respond is not None and name.lower() == self._shared.client_header and not self._is_in_body:
            self._client = value[:CLIENT_BYTES_MAX].decode("latin-1")

    def _begin_exchange(self, respond: Any) -> None:
        client, self._client = self._client, None
        if client is None:
            client = self.client[0] if self.client else ""
        super()._begin_exchange(partial(respond, client))
