"""The elements of a DICOM file, as few and as shallow as an ECG needs.

pydicom parses; here it is kept from what a file could make it do. It gets raw elements only (no
value is converted, so none is warned of or logged), its reads are counted, and what is deflated is
inflated here, up to a bound.
"""

import logging
import struct
import warnings
import zlib
from collections.abc import Iterator, Mapping
from io import BytesIO
from math import nan

from pydicom import config
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import data_element_generator, read_sequence

from ecg_core.errors import FaultCode, RecordingTooLarge
from ecg_core.readers.assembly import malformed_file, unsupported_content

# Its messages repeat values of the file: patient data. The one that raw elements can still cause
# is of an unknown character set.
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
warnings.filterwarnings("ignore", category=UserWarning, module=r"pydicom\.")
config.settings.reading_validation_mode = config.IGNORE

PREAMBLE_BYTES = 128
_MAGIC = b"DICM"
_TRANSFER_SYNTAX = 0x0002_0010
_IMPLICIT, _EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
_BIG_ENDIAN, _DEFLATED = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
_UNDEFINED = 0xFFFF_FFFF
_LONGEST_NUMBER = 32  # twice what a DS may take

# The files at hand take up to 3,600; three or so make an element.
_MOST_READS = 25_000

# All that pydicom raises on broken files, as fuzzing and its source show.
_FOREIGN_ERRORS = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)


class _TooManyElements(Exception):
    """More was read than any ECG holds."""


class _Budget:
    """Reads that are left, for all parts of one file together."""

    def __init__(self) -> None:
        self.left = _MOST_READS


class _CountedBytes(BytesIO):
    """Bytes of which only so much is read in small pieces: each element costs some reads."""

    def __init__(self, content: bytes, budget: _Budget) -> None:
        super().__init__(content)
        self._budget = budget

    def read(self, size: int | None = -1, /) -> bytes:
        self._budget.left -= 1
        if self._budget.left < 0:
            raise _TooManyElements
        return super().read(size)


class Elements:
    """The raw elements of a file or of one item of a sequence, by tag."""

    def __init__(
        self, elements: Mapping[int, object], is_little_endian: bool, budget: _Budget
    ) -> None:
        self._elements = elements
        self._budget = budget
        self.is_little_endian = is_little_endian

    def raw(self, tag: int) -> bytes | None:
        """The bytes of an element; None where it is not there or has no value.

        Raises:
            UnreadableRecording: The file ends within them.
        """
        element = self._elements.get(tag)
        if not isinstance(element, RawDataElement) or not element.value:
            return None
        value = bytes(element.value)
        if element.length not in (len(value), _UNDEFINED):
            raise malformed_file("the file ends within a value that it declares")
        return value

    def text(self, tag: int) -> str:
        """A short text without its padding; empty where it is not there."""
        value = self.raw(tag) or b""
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            text = value.decode("latin-1")
        return text.strip(" \0")

    def number(self, tag: int) -> float | None:
        """A number that is written as text (DS); None where there is none, NaN where it is none.

        What is there and cannot be read must not pass for what may be left out.
        """
        text = self.text(tag)
        if not text:
            return None
        try:
            return float(text) if len(text) <= _LONGEST_NUMBER and "_" not in text else nan
        except ValueError:
            return nan

    def whole(self, tag: int) -> int | None:
        """An unsigned binary number (US, UL); None where it is not there."""
        value = self.raw(tag)
        if value is None or len(value) not in (2, 4):
            return None
        return int.from_bytes(value, "little" if self.is_little_endian else "big")

    def items(self, tag: int) -> list["Elements"]:
        """The items of a sequence; none where it is not there.

        Raises:
            UnreadableRecording: It is broken, too deep or too large.
        """
        element = self._elements.get(tag)
        if element is None:
            return []
        value = element.value  # type: ignore[attr-defined]  # of a raw or a parsed element
        if isinstance(element, RawDataElement):
            value = _parsed_sequence(self.raw(tag) or b"", element, self._budget)
        return [self._item(item) for item in value if isinstance(item, Dataset)]

    def _item(self, item: Dataset) -> "Elements":
        # As they are: asked for otherwise, empty values are converted, and some are warned of.
        raw = {int(tag): item.get_item(tag, keep_deferred=True) for tag in list(item.keys())}
        return Elements(raw, self.is_little_endian, self._budget)


def begins_like_dicom(first_bytes: bytes) -> bool:
    """Whether a file begins with a preamble, or without one as only DICOM's waveforms do."""
    if first_bytes[PREAMBLE_BYTES:][: len(_MAGIC)] == _MAGIC:
        return True
    is_first_group = first_bytes[:2] in (b"\2\0", b"\x08\0", b"\0\x08")
    return is_first_group and b"1.2.840.10008.5.1.4.1.1." in first_bytes


def read_elements(content: bytes, most_bytes: int) -> Elements:
    """The top elements of a DICOM file.

    Args:
        content: The file, with its preamble or without.
        most_bytes: How large it may be once inflated.

    Raises:
        RecordingTooLarge: It is larger once inflated.
        UnreadableRecording: It is broken, too deep or holds too much, or its transfer syntax is
            not read.
    """
    has_preamble = content[PREAMBLE_BYTES:][: len(_MAGIC)] == _MAGIC
    start = PREAMBLE_BYTES + len(_MAGIC) if has_preamble else 0
    budget = _Budget()
    meta = _CountedBytes(content, budget)
    meta.seek(start)
    of_file = _elements(meta, is_implicit=False, is_little_endian=True, only_group=2)
    syntax = Elements(of_file, True, budget).text(_TRANSFER_SYNTAX)
    body = content[meta.tell() :]
    if syntax == _DEFLATED:
        body = _inflated(body, most_bytes)
    is_implicit, is_little_endian = _encoding(syntax, body)
    elements = _elements(_CountedBytes(body, budget), is_implicit, is_little_endian)
    return Elements(of_file | elements, is_little_endian, budget)


def _encoding(syntax: str, body: bytes) -> tuple[bool, bool]:
    """Whether value representations are left out, and whether the lowest byte comes first."""
    if syntax in (_EXPLICIT, _DEFLATED):
        return False, True
    if syntax == _IMPLICIT:
        # Some exporters say so and are explicit; pydicom as well believes the bytes.
        return not _has_value_representation(body), True
    if syntax == _BIG_ENDIAN:
        return False, False
    if syntax:
        raise unsupported_content("the transfer syntax is none that waveforms are stored in")
    return not _has_value_representation(body), not body.startswith(b"\0")


def _has_value_representation(body: bytes) -> bool:
    return body[4:6].isalpha() and body[4:6].isupper()


def _elements(
    stream: _CountedBytes,
    is_implicit: bool,
    is_little_endian: bool,
    only_group: int | None = None,
) -> dict[int, object]:
    """Raw elements from where the stream stands; those of one group leave it behind the last."""

    def is_other_group(tag: int, _representation: str | None, _length: int) -> bool:
        return only_group is not None and tag >> 16 != only_group

    try:
        generated: Iterator[object] = data_element_generator(
            stream, is_implicit, is_little_endian, is_other_group
        )
        return {int(element.tag): element for element in generated}  # type: ignore[attr-defined]
    except _TooManyElements:
        raise malformed_file("the file holds more elements than an ECG has") from None
    except _FOREIGN_ERRORS as error:
        raise malformed_file("the file's elements are broken or nested too deeply") from error


def _parsed_sequence(content: bytes, element: RawDataElement, budget: _Budget) -> list[object]:
    stream = _CountedBytes(content, budget)
    is_implicit, is_little_endian = element.is_implicit_VR, element.is_little_endian
    try:
        items = read_sequence(stream, is_implicit, is_little_endian, len(content), "latin-1")
        return list(items)
    except _TooManyElements:
        raise malformed_file("the file holds more elements than an ECG has") from None
    except _FOREIGN_ERRORS as error:
        raise malformed_file("a sequence of the file is broken or nested too deeply") from error


def _inflated(deflated: bytes, most_bytes: int) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(deflated, most_bytes)
    except zlib.error as error:
        raise malformed_file("the deflated part of the file is broken") from error
    if inflater.unconsumed_tail:
        detail = f"the file is larger than {most_bytes} bytes when inflated"
        raise RecordingTooLarge.of(FaultCode.TOO_LONG, detail)
    if not inflater.eof:
        raise malformed_file("the deflated part of the file is cut short")
    return inflated
