"""The route by which items are written, of a pod with the setting `invalidation`; for callers on loopback alone."""

from typing import Annotated

from fastapi import FastAPI, HTTPException, Path, Request

from app.strategy import OriginFailed
from app.troubled_store import LOOPBACK
from app.writes import ItemWriter


def add_write_route(app: FastAPI, writer: ItemWriter, items: int) -> None:
    """Add the route to a pod whose store has so many items."""

    @app.post("/items/{item_id}")
    async def write(request: Request, item_id: Annotated[int, Path(ge=0, lt=items)]) -> dict[str, bool]:
        """Write an item; `invalidated` is false where the cache was away, so that its entries stay."""
        if request.client is None or request.client.host not in LOOPBACK:
            raise HTTPException(404)
        try:
            return {"invalidated": await writer.write(item_id)}
        except OriginFailed as error:
            raise HTTPException(503, str(error)) from error
