"""Bytes of a text file to text."""

from ecg_core.errors import FaultCode, UnreadableRecording

_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_ARCHIVE_MAGIC = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")


def malformed(detail: str) -> UnreadableRecording:
    """The refusal of a table that cannot be read."""
    return UnreadableRecording.of(FaultCode.MALFORMED_TABLE, detail)


def decoded_text(content: bytes) -> str:
    """The text, with line ends as newlines; without a mark UTF-8, else Latin-1 (for its µ).

    Raises:
        UnreadableRecording: It is compressed, binary or of a broken encoding.
    """
    if content.startswith(_ARCHIVE_MAGIC):
        raise malformed("the file is compressed: send the table itself")
    encodings = [name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)]
    for encoding in encodings or ["utf-8", "latin-1"]:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            raise malformed("the file holds NUL characters: it is not a text table")
        text = text.lstrip("\ufeff")
        # Looking for one character costs a small part of looking for two, and most files have none.
        return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    raise malformed("the file's encoding is broken")
