"""Whether an answer is right: the item that was asked for, intact, and not older than one seen before."""

import json
import zlib

OLDER = "older version"


class AnswerCheck:
    """What one client process has seen so far, by strategy and key."""

    def __init__(self) -> None:
        self._newest_version: dict[tuple[str, int], int] = {}

    def version_floor(self, strategy: str, key: int) -> int:
        """The newest version seen by now: what is asked for from here on must not be older."""
        return self._newest_version.get((strategy, key), 0)

    def fault(self, strategy: str, key: int, body: bytes, floor: int) -> str:
        """What is wrong with an item, or nothing."""
        try:
            item = json.loads(body)
            if item["id"] != key:
                return "wrong id"
            if zlib.crc32(item["text"].encode()) != item["crc32"]:
                return "corrupt"
            version = int(item["version"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return "not an item"
        if version < floor:
            return OLDER
        if version > self.version_floor(strategy, key):
            self._newest_version[strategy, key] = version
        return ""
