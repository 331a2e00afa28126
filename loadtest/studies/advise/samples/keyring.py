"""Keys of a sample as hashes, by a salt that is drawn for one reading and kept nowhere."""

import secrets
from hashlib import blake2b

DIGEST_BYTES = 12
"""The length of a hash: of a million keys, two have the same one with a chance of 1 in 10^17."""
SALT_BYTES = 32


class Keyring:
    """Hashes keys with BLAKE2, keyed by a random salt, so that trying likely keys finds none."""

    def __init__(self) -> None:
        self._keyed = blake2b(digest_size=DIGEST_BYTES, key=secrets.token_bytes(SALT_BYTES))

    def hashed(self, key: bytes) -> bytes:
        """The hash of a key: the same for the same key of this reading, another in the next one."""
        one = self._keyed.copy()
        one.update(key)
        return one.digest()
