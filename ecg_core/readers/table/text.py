"""Bytes of a text file to text, in pieces."""

from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import IncrementalNewlineDecoder
from itertools import islice

from ecg_core.checkpoint import Checkpoint, no_checkpoint
from ecg_core.errors import FaultCode, UnreadableRecording

_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_ARCHIVE_MAGIC = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
# A step over a piece takes a millisecond or so.
_PIECE_BYTES = 256 * 1024
# The largest file there may be has eight such lines: one for each lead that was recorded.
_LONGEST_LINE = 4 * 1024 * 1024
_BETWEEN_CELLS = ",;|\t "


def malformed(detail: str) -> UnreadableRecording:
    """The refusal of a table that cannot be read."""
    return UnreadableRecording.of(FaultCode.MALFORMED_TABLE, detail)


def _too_long(line: str) -> UnreadableRecording:
    """Too many samples, or what is no line of a table."""
    detail = f"a line is longer than {_LONGEST_LINE} characters"
    if not any(mark in line for mark in _BETWEEN_CELLS):
        return malformed(detail)
    return UnreadableRecording.of(FaultCode.TOO_LONG, f"{detail}: send one lead a column")


@dataclass(frozen=True, eq=False, slots=True)
class Text:
    """A text in pieces: beside a step over all of a large one, the process does nothing else.

    Attributes:
        pieces: Of whole lines, each with its end but for the last line of all.
        checkpoint: Called before each piece; may raise.
    """

    pieces: tuple[str, ...]
    checkpoint: Checkpoint = no_checkpoint

    @classmethod
    def of_lines(cls, lines: Sequence[str], checkpoint: Checkpoint) -> "Text":
        """Each line a piece."""
        *others, last = lines
        return cls((*(f"{line}\n" for line in others), last), checkpoint)

    def __iter__(self) -> Iterator[str]:
        for piece in self.pieces:
            self.checkpoint()
            yield piece

    def __contains__(self, part: str) -> bool:
        return any(part in piece for piece in self)

    def count(self, part: str) -> int:
        """How often a part stands in the text; it holds no line's end but its own."""
        return sum(piece.count(part) for piece in self)

    def mapped(self, change: Callable[[str], str]) -> "Text":
        """The text with each piece changed, line by line."""
        return Text(tuple(map(change, self)), self.checkpoint)

    @property
    def is_blank(self) -> bool:
        """Whether nothing but blanks is there."""
        return not any(piece.strip() for piece in self)

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is there."""
        return not any(self.pieces)

    def lines(self) -> Iterator[str]:
        """Each line without its end."""
        for number, piece in enumerate(self.pieces, start=1):
            start = 0
            while (end := piece.find("\n", start)) >= 0:
                yield piece[start:end]
                start = end + 1
            if number == len(self.pieces):
                yield piece[start:]

    @property
    def first_two_lines(self) -> tuple[str, str]:
        """The second is empty where there is none."""
        first, second, *_ = (*islice(self.lines(), 2), "")
        return first, second

    @property
    def last_line(self) -> str:
        """What follows the last line's end."""
        return self.pieces[-1].rpartition("\n")[2]

    def without_end(self, characters: str) -> "Text":
        """The text without any of these characters at its end."""
        pieces = list(self.pieces)
        while len(pieces) > 1 and not pieces[-1].strip(characters):
            pieces.pop()
        return Text((*pieces[:-1], pieces[-1].rstrip(characters)), self.checkpoint)

    def without_first_line(self) -> "Text":
        """All lines but the first."""
        first, *others = self.pieces
        rest = first.partition("\n")[2]
        return Text((rest, *others) if rest or not others else tuple(others), self.checkpoint)


def decoded_text(content: bytes, checkpoint: Checkpoint = no_checkpoint) -> Text:
    """The text, with line ends as newlines; without a mark UTF-8, else Latin-1 (for its µ).

    Raises:
        UnreadableRecording: It is compressed, binary or broken, or holds too long a line.
    """
    if content.startswith(_ARCHIVE_MAGIC):
        raise malformed("the file is compressed: send the table itself")
    encodings = [name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)]
    for encoding in encodings or ["utf-8", "latin-1"]:
        try:
            pieces = list(_pieces(content, encoding, checkpoint))
        except UnicodeDecodeError:
            continue
        pieces[0] = pieces[0].lstrip("\ufeff")
        return Text(tuple(pieces), checkpoint)
    raise malformed("the file's encoding is broken")


def _pieces(content: bytes, encoding: str, checkpoint: Checkpoint) -> Iterator[str]:
    decoder = IncrementalNewlineDecoder(getincrementaldecoder(encoding)(), translate=True)
    line: list[str] = []  # as much of one as has come
    for start in range(0, len(content), _PIECE_BYTES):
        checkpoint()
        end = start + _PIECE_BYTES
        text = decoder.decode(content[start:end], final=end >= len(content))
        if "\0" in text:
            raise malformed("the file holds NUL characters: it is not a text table")
        cut = text.rfind("\n") + 1
        if cut:
            yield "".join([*line, text[:cut]])
            line.clear()
        line.append(text[cut:])
        if sum(map(len, line)) > _LONGEST_LINE:
            raise _too_long(line[0])
    yield "".join(line)
