"""XML as devices write it: parsed once, within bounds; names without their prefixes.

Expat is asked directly, without namespaces: a namespace of 60 KB on each of 100,000 elements would
be copied as often before anybody sees the first. Nothing is declared in a document but a DTD's
name (`<!DOCTYPE RestingECG SYSTEM "restecg.dtd">`, as MUSE writes): an internal subset may declare
entities and default attributes that unfold, and is refused; nothing external is ever fetched.
"""

import re
from contextlib import suppress
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers.expat import ExpatError, ParserCreate, XMLParserType

from ecg_core.errors import UnreadableRecording
from ecg_core.readers.assembly import malformed_file, unsupported_content

# Real files hold 1,500 elements with 1,700 attributes, 14 deep.
MAX_DEPTH = 64
MAX_ELEMENTS = 50_000
MAX_ATTRIBUTES = 100_000
# Expat hands over a tag (with all of its attributes) or a comment only when it is complete.
LONGEST_TAG_BYTES = 256 * 1024
_CHUNK_BYTES = 64 * 1024

_DECLARATION = re.compile(rb"""<\?xml[^>]{0,100}?encoding\s*=\s*["']([\w.-]{1,40})["']""")
_ENCODINGS = re.compile(r"utf-?8|us-ascii|(iso[-_]?)?8859-\d{1,2}|latin-?1|(windows-|cp)125\d")
_OF_SEVERAL_BYTES = frozenset({"gb2312", "gbk", "gb18030", "big5", "shift_jis", "euc-jp", "euc-kr"})
_DECLARED_OF_UTF_8 = re.compile(r"utf-?16")
_UTF_16_STARTS = {
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
    b"<\x00": "utf-16le",
    b"\x00<": "utf-16be",
}
_WHITESPACE = b" \t\r\n"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# What expat raises of a document, and we of its encoding.
_PARSE_ERRORS = (ExpatError, LookupError, ValueError)


class _RootFound(Exception):
    """Ends a look at the first element."""


def root_name(first_bytes: bytes) -> str | None:
    """The name of a document's root element without its prefix, from its first bytes.

    Args:
        first_bytes: The start of a file; it may end anywhere.

    Returns:
        The name, or None where this is no XML or the root is further down.
    """
    names: list[str] = []

    def found(name: str, *_: object) -> None:
        names.append(name)
        raise _RootFound

    with suppress(_RootFound, *_PARSE_ERRORS):
        parser, content = _parser_of(first_bytes)
        parser.StartElementHandler = found
        parser.StartDoctypeDeclHandler = found  # names the root, too
        parser.Parse(content, False)
    return names[0].rpartition(":")[2] if names else None


def parse_document(content: bytes) -> Element:
    """The tree of a document; the names of elements and attributes stand without prefixes.

    Args:
        content: The whole file, in UTF-8, UTF-16, an encoding of one byte a character, or one that
            is usual in East Asia.

    Raises:
        UnreadableRecording: It is no well-formed XML, or more than a recording's would hold.
    """
    bounded = _BoundedTree()
    try:
        parser, content = _parser_of(content)
        bounded.listen_to(parser)
        for start in range(0, len(content), _CHUNK_BYTES):
            parser.Parse(content[start : start + _CHUNK_BYTES], False)
            if start - parser.CurrentByteIndex > LONGEST_TAG_BYTES:
                raise _refused(f"a tag or comment of more than {LONGEST_TAG_BYTES} bytes")
        parser.Parse(b"", True)
    except _PARSE_ERRORS as error:
        raise malformed_file("the file is no well-formed XML, or is cut off") from error
    return bounded.tree.close()


class _BoundedTree:
    """Builds the tree, and stops where it grows beyond a recording's."""

    def __init__(self) -> None:
        self.tree = TreeBuilder()
        self._depth = 0
        self._elements = 0
        self._attributes = 0

    def listen_to(self, parser: XMLParserType) -> None:
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse_internal_subset
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self.tree.data

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        self._attributes += len(attributes)
        if self._depth > MAX_DEPTH:
            raise _refused(f"elements nested more than {MAX_DEPTH} deep")
        if self._elements > MAX_ELEMENTS:
            raise _refused(f"more than {MAX_ELEMENTS} elements")
        if self._attributes > MAX_ATTRIBUTES:
            raise _refused(f"more than {MAX_ATTRIBUTES} attributes")
        plain = {key.rpartition(":")[2]: value for key, value in attributes.items()}
        self.tree.start(name.rpartition(":")[2], plain)

    def _end(self, name: str) -> None:
        self._depth -= 1
        self.tree.end(name.rpartition(":")[2])


def _parser_of(content: bytes) -> tuple[XMLParserType, bytes]:
    """A parser for the encoding that the bytes are in, and the bytes that it wants.

    Expat would ask Python for any encoding of a document's choice: of those, only some are for XML.
    """
    if content[:2] in _UTF_16_STARTS:
        return ParserCreate(_UTF_16_STARTS[content[:2]]), content
    content = content.lstrip(_WHITESPACE)
    encoding = _declared_encoding(content)
    if encoding in _OF_SEVERAL_BYTES:  # which expat does not read
        content, encoding = content.decode(encoding, "replace").encode(), "utf-8"
    return ParserCreate(encoding), content


def _declared_encoding(content: bytes) -> str:
    """The declared encoding of bytes that are no UTF-16; UTF-8 where there is none.

    Programs that hold text as UTF-16 and write it as UTF-8 leave `encoding="utf-16"` standing.
    """
    declared = _DECLARATION.match(content.removeprefix(_BYTE_ORDER_MARK)[:200])
    encoding = declared[1].decode("ascii").lower() if declared else "utf-8"
    if _DECLARED_OF_UTF_8.fullmatch(encoding):
        return "utf-8"
    if encoding not in _OF_SEVERAL_BYTES and not _ENCODINGS.fullmatch(encoding):
        raise LookupError("an encoding that is not read")
    return encoding


def _refuse_internal_subset(_name: str, _system: object, _public: object, internal: int) -> None:
    if internal:
        raise _refused("declarations of its own (a DTD's internal subset)")


def _refused(what: str) -> UnreadableRecording:
    return unsupported_content(f"the document holds {what}, which is not read")
