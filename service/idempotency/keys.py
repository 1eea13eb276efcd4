"""Which request it is, and whether it is the same again. Only digests leave this module."""

import hashlib
import re
from collections.abc import Iterable

from pydantic import BaseModel
from starlette.requests import Request

from service.diagnosis import DiagnosisRequest
from service.idempotency.errors import InvalidIdempotencyKey

HEADER = "Idempotency-Key"
MAX_KEY_CHARACTERS = 255

# A string of RFC 8941, as the draft has it; most clients send it bare.
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_BARE = re.compile(r"[!#-~]+")
_ESCAPED = re.compile(r"\\(.)")


def stated_key(request: Request) -> str | None:
    """The request's key; None without one.

    Raises:
        InvalidIdempotencyKey: The header is empty, too long, there twice, or no string.
    """
    stated = request.headers.getlist(HEADER)
    if not stated:
        return None
    if len(stated) > 1:
        raise InvalidIdempotencyKey
    quoted = _QUOTED.fullmatch(stated[0])
    key = _ESCAPED.sub(r"\1", quoted.group(1)) if quoted else stated[0]
    if not (quoted or _BARE.fullmatch(key)) or not 1 <= len(key) <= MAX_KEY_CHARACTERS:
        raise InvalidIdempotencyKey
    return key


def record_id(caller: str, method: str, route: str, key: str) -> str:
    """Names the record of a caller's key on a route; tells nothing about any of them."""
    return _digest(part.encode() for part in (caller, method, route, key))


def diagnosis_fingerprint(asked: DiagnosisRequest) -> str:
    """Of the fields and files, not of the bytes around them: a form's boundary is never the same.

    Hashes all files: to be run off the event loop.
    """
    stated = (asked.queries, asked.stated, asked.top_k, asked.allow_missing_leads, asked.faults)
    files = (part for file in asked.files for part in (file.name.encode(), file.content))
    return _digest([repr(stated).encode(), *files])


def document_fingerprint(document: BaseModel) -> str:
    """Of a JSON body, however it is spaced and ordered."""
    return _digest([document.model_dump_json().encode()])


def _digest(parts: Iterable[bytes]) -> str:
    """SHA-256 of parts whose limits count."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()
