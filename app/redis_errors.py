"""The errors of redis-py, translated once for every command that it sends."""

from redis.exceptions import AuthenticationError, AuthorizationError, ResponseError

from app.commands import ServerRefused
from app.strategy import CacheAway


def translated(command: str, error: Exception) -> CacheAway:
    """Any error of a Redis client as `CacheAway`, or as `ServerRefused` where Redis answered with an error."""
    if isinstance(error, CacheAway):
        return error
    kind = ServerRefused if isinstance(error, ResponseError | AuthenticationError | AuthorizationError) else CacheAway
    return kind(f"{command}: {type(error).__name__}: {error}")
