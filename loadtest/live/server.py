"""The server of a live page: on loopback, by its own names alone, for no page of another origin."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from loadtest.live.audience import VIEWERS_MAX, Audience

HOSTS = ("127.0.0.1", "localhost")
"""The names under which the page is asked for; any other is of a page elsewhere whose name leads here."""
HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
}
CONNECTIONS_MAX = 4 * VIEWERS_MAX
END_WITHIN_S = 1
"""Seconds within which connections end with the server; one that does not read is cut off then."""


class LiveServer:
    """A page, the stream of its events and, once there is one, the report that the page becomes."""

    def __init__(self, page: str, audience: Audience) -> None:
        self._page, self._audience = page, audience
        self.report: Path | None = None
        routes = [
            Route("/", self._show, methods=["GET"]),
            Route("/events", self._stream, methods=["GET"]),
            Route("/favicon.ico", self._show_nothing, methods=["GET"]),
            Route("/report.html", self._show_report, methods=["GET"]),
        ]
        guard = Middleware(TrustedHostMiddleware, allowed_hosts=list(HOSTS), www_redirect=False)
        self.app = Starlette(routes=routes, middleware=[guard])

    async def serve(self, listener: socket.socket, work: Callable[[], Awaitable[None]]) -> None:
        """Serve on that socket for as long as the work takes."""
        server = uvicorn.Server(
            uvicorn.Config(
                self.app,
                lifespan="off",
                ws="none",
                access_log=False,
                log_config=None,
                server_header=False,
                limit_concurrency=CONNECTIONS_MAX,
                timeout_graceful_shutdown=END_WITHIN_S,
            )
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve(sockets=[listener]), name="the live page's server")
            try:
                await work()
            finally:
                server.should_exit = True

    async def _show(self, _: Request) -> Response:
        return HTMLResponse(self._page, headers=HEADERS)

    async def _stream(self, request: Request) -> Response:
        if self._audience.is_full:
            return PlainTextResponse(f"{VIEWERS_MAX} viewers are there already", 503, headers=HEADERS)
        events = self._audience.stream(request.headers.get("last-event-id", ""))
        return StreamingResponse(events, media_type="text/event-stream", headers=HEADERS)

    async def _show_nothing(self, _: Request) -> Response:
        return Response(status_code=204)

    async def _show_report(self, _: Request) -> Response:
        if self.report is None:
            return PlainTextResponse("the bench has not ended", 404, headers=HEADERS)
        return FileResponse(self.report, headers=HEADERS)
