"""Multipart form data, read as it arrives: in memory, within bounds, nothing lost unsaid."""

from collections.abc import AsyncIterator
from io import BytesIO
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from service.api.intake.forms import Part
from service.errors import UnreadableRequest, UnsupportedMediaType, UploadTooLarge

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_MULTIPART = b"multipart/form-data"


async def read_multipart(
    content_type: str, chunks: AsyncIterator[bytes], max_parts: int
) -> list[Part]:
    """The form's parts, in order.

    Args:
        content_type: The request's header, with the boundary.
        chunks: The request's body, bounded already.
        max_parts: Most parts of a form.

    Raises:
        UnsupportedMediaType: The request is no multipart form.
        UnreadableRequest: The form is broken, or ends before its last boundary.
        UploadTooLarge: It has too many parts.
    """
    kind, options = parse_options_header(content_type)
    if kind != _MULTIPART:
        raise UnsupportedMediaType
    collector = _Collector(max_parts)
    try:
        parser = MultipartParser(options[b"boundary"], collector.callbacks())
        async for chunk in _from_first_boundary(chunks):
            parser.write(chunk)
        parser.finalize()
    except (FormParserError, KeyError) as error:
        raise UnreadableRequest from error
    if not collector.ended:
        raise UnreadableRequest
    return collector.parts


async def _from_first_boundary(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The body without line ends at its start.

    After one, the parser (0.0.34) passes over all that stands before the next hyphen of the same
    chunk, but not of the next: what is read would depend on how the body was cut.
    """
    begun = False
    async for chunk in chunks:
        rest = chunk if begun else chunk.lstrip(b"\r\n")
        begun = begun or bool(rest)
        yield rest


class _Collector:
    """Puts the parser's events together."""

    def __init__(self, max_parts: int) -> None:
        self.parts: list[Part] = []
        self.ended = False
        self._max_parts = max_parts
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._disposition = b""
        self._read_disposition: tuple[bytes, tuple[bytes, dict[bytes, bytes]]] | None = None
        self._content = BytesIO()

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": self._add_header_name,
            "on_header_value": self._add_header_value,
            "on_header_end": self._end_header,
            "on_part_data": self._add_content,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def _begin_part(self) -> None:
        if len(self.parts) >= self._max_parts:
            raise UploadTooLarge
        self._disposition = b""
        self._content = BytesIO()

    def _add_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _add_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _add_content(self, data: bytes, start: int, end: int) -> None:
        self._content.write(memoryview(data)[start:end])

    def _end_part(self) -> None:
        kind, options = self._disposition_options()
        if kind != b"form-data" or b"name" not in options:
            raise UnreadableRequest
        file_name = options.get(b"filename")
        self.parts.append(
            Part(
                _decoded(options[b"name"]),
                None if file_name is None else _decoded(file_name),
                self._content.getvalue(),
            )
        )

    def _end(self) -> None:
        self.ended = True

    def _disposition_options(self) -> tuple[bytes, dict[bytes, bytes]]:
        # Thousands of queries in a row say the same; reading that takes a third of the time.
        if self._read_disposition is None or self._read_disposition[0] != self._disposition:
            options = parse_options_header(self._disposition)
            self._read_disposition = (self._disposition, options)
        return self._read_disposition[1]


def _decoded(name: bytes) -> str:
    return name.decode(errors="replace")
