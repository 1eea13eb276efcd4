"""API keys: their form, their scopes, and the digest that is kept of them.

A key reads ``cqk_<id>_<secret><checksum>``: a prefix that secret scanners can look for, a public id
that logs may name, 256 random bits, and a CRC-32 that tells a mistyped or truncated key (and a
scanner's false find) without a look-up.

Of a key only its SHA-256 is kept. Slow password hashes (bcrypt, Argon2) make up for secrets that
can be guessed; 256 random bits cannot be, and a slow hash on every request would only be a way to
keep the service busy.
"""

import hashlib
import hmac
import re
import secrets
import string
from dataclasses import dataclass, field
from enum import StrEnum
from zlib import crc32

PREFIX = "cqk"
ID_LENGTH = 8
SECRET_BITS = 256

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SECRET_LENGTH = 43  # 62**43 > 2**256
_CHECKSUM_LENGTH = 6  # 62**6 > 2**32
KEY_PATTERN = (
    rf"{PREFIX}_[0-9A-Za-z]{{{ID_LENGTH}}}_[0-9A-Za-z]{{{_SECRET_LENGTH + _CHECKSUM_LENGTH}}}"
)
_KEY = re.compile(KEY_PATTERN)


class Scope(StrEnum):
    """Rights of a key. `admin` has all of them."""

    DIAGNOSE = "diagnose"
    QUERIES_WRITE = "queries:write"
    METRICS = "metrics"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class PlainKey:
    """A key as its holder has it: shown once, never kept, never logged."""

    id: str
    text: str = field(repr=False)

    @property
    def sha256(self) -> str:
        """The digest that is kept of it, in hexadecimal digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def matches(self, sha256: str) -> bool:
        """True if this is the key of that digest; takes the same time wherever they differ."""
        return hmac.compare_digest(self.sha256.encode(), sha256.encode())


def new_key() -> PlainKey:
    """A key from the system's source of randomness."""
    key_id = "".join(secrets.choice(_ALPHABET) for _ in range(ID_LENGTH))
    body = f"{PREFIX}_{key_id}_{_base62(secrets.randbits(SECRET_BITS), _SECRET_LENGTH)}"
    return PlainKey(key_id, body + _checksum(body))


def parse_key(text: str) -> PlainKey | None:
    """The key that a text is, or None if it cannot be one."""
    if not _KEY.fullmatch(text):
        return None
    body, checksum = text[:-_CHECKSUM_LENGTH], text[-_CHECKSUM_LENGTH:]
    # The checksum is no secret: it says whether the text is whole, not whether it is right.
    return PlainKey(text.split("_")[1], text) if checksum == _checksum(body) else None


def _checksum(body: str) -> str:
    return _base62(crc32(body.encode()), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
