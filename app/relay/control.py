"""The control of a relay: lines of JSON on a port of its own, each answered by one.

- `{"begin": {"kind": "delay", "ms": 500}, "for_s": 10}` begins a trouble (`app.relay.troubles`), on all ways, or on the
  one whose number `way` states. It ends by itself after `for_s`.
- `{"end": "delay"}` ends it before.
- `{}` only asks.

The answer tells of each way its connections, and the seconds left of each trouble: `{"ways": [{"connections": 3,
"troubles": {"delay": 9.5}}]}`; or `{"error": "..."}`.
"""

import asyncio
import json
import socket
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field, ValidationError

from app.input_faults import input_faults
from app.relay.troubles import FOR_S_MAX, Trouble
from app.relay.way import Way
from app.stated_table import StatedTable

LINE_BYTES_MAX = 2_000
"""The longest line; whoever sends a longer one is cut off."""
CALLERS_MAX = 16
"""Connections to the control at once; one more is closed."""
SILENT_S_MAX = 60.0
"""Seconds for which a caller may send nothing before it is cut off."""


class RelayOrder(StatedTable):
    """One line of the control."""

    begin: Trouble | None = None
    end: Literal["delay", "silence", "resets", "slices", "cut-off"] | None = None
    for_s: float = Field(10.0, gt=0, le=FOR_S_MAX)
    way: int | None = Field(None, ge=0)


class Control:
    """The control of all ways of a relay."""

    def __init__(self, ways: Sequence[Way]) -> None:
        self._ways = ways
        self._callers = 0

    async def listen(self, listener: socket.socket) -> asyncio.Server:
        return await asyncio.start_server(self._serve, sock=listener, limit=LINE_BYTES_MAX)

    def obey(self, line: bytes) -> dict[str, Any]:
        """Carry out one line, and return the answer to it."""
        try:
            order = RelayOrder.model_validate_json(line)
            ways = self._ways if order.way is None else [self._ways[order.way]]
        except ValidationError as error:
            first = input_faults(error)[0]
            return {"error": f"{first.dotted}: {first.reason}".removeprefix(": ")}
        except IndexError:
            return {"error": f"way: must be less than {len(self._ways)}"}
        for way in ways:
            if order.end is not None:
                way.end(order.end)
            if order.begin is not None:
                way.begin(order.begin, order.for_s)
        return {"ways": [_told(way) for way in self._ways]}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._callers += 1
        try:
            while self._callers <= CALLERS_MAX:
                async with asyncio.timeout(SILENT_S_MAX):
                    line = await reader.readline()
                if not line:
                    return
                writer.write(json.dumps(self.obey(line)).encode() + b"\n")
                async with asyncio.timeout(SILENT_S_MAX):
                    await writer.drain()
        except (OSError, ValueError, TimeoutError):
            return  # the caller has gone, or sends what is no line
        finally:
            self._callers -= 1
            writer.close()


def _told(way: Way) -> dict[str, Any]:
    return {
        "connections": len(way.channels),
        "troubles": {kind: round(way.left_s(kind), 3) for kind in way.troubles.on},
    }
