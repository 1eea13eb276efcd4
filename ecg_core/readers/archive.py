"""Unpacking of a zip that holds recordings: in memory, bounded, nothing taken on trust."""

import stat
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath
from threading import Lock
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, LargeZipFile, ZipFile, ZipInfo

from ecg_core.errors import Fault, FaultCode, RecordingTooLarge, UnreadableRecording
from ecg_core.readers.base import FIRST_BYTES, ReadLimits, UploadedFile
from ecg_core.readers.companions import is_companion

ARCHIVE_SUFFIX = ".zip"
MAX_MEMBERS = 20

# ECGs deflate to a tenth at best. Small members may do better, a blank one far better.
_MAX_RATIO = 100
_RATIO_FREE_BYTES = 1024 * 1024

_CHUNK_BYTES = 64 * 1024
_CENTRAL_SIGNATURE = b"PK\x01\x02"
# Times, owners and the name once more are 60 bytes or so; the rest is for three entries by chance.
_EXTRA_BYTES_A_MEMBER = 256
_MOST_EXTRA_BYTES = 3 * 64 * 1024
_REFUSED = "the archive is refused: "
_TOO_LARGE = "it is too large when unpacked"
_ENCRYPTED = 0x1 | 0x40 | 0x2000  # traditional, strong, masked directory

# All that zipfile and zlib raise on broken archives, as fuzzing and their sources show.
_FOREIGN_ERRORS = (
    BadZipFile,
    LargeZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    LookupError,
    ArithmeticError,
    RuntimeError,  # NotImplementedError among them
    ValueError,  # UnicodeDecodeError among them
)


@dataclass(frozen=True, slots=True)
class ArchiveBounds:
    """How much an archive may hold.

    Attributes:
        max_members: Entries of its directory, folders among them.
        max_total_bytes: All files together, unpacked.
    """

    max_members: int
    max_total_bytes: int


class Archive:
    """A zip whose directory was checked; its files are unpacked one by one, from any thread.

    Args:
        archive: The zip.
        limits: Bounds on one file.
        bounds: Bounds on all of them.
        is_readable: Whether it may hold a file of this name that begins with these bytes; None:
            any but other archives.

    Raises:
        RecordingTooLarge: The archive is too large when unpacked, and nothing else is wrong.
        UnreadableRecording: It is broken, malicious or encrypted, or holds something else than
            recordings.
    """

    def __init__(
        self,
        archive: UploadedFile,
        limits: ReadLimits,
        bounds: ArchiveBounds,
        is_readable: Callable[[UploadedFile], bool] | None = None,
    ) -> None:
        # zipfile builds an object for each entry, whatever the directory says of their number.
        if _surely_has_more(archive, bounds.max_members):
            raise _refusal([_too_many(bounds)])
        if _is_long_to_read(archive, bounds.max_members):
            raise _refusal(["its directory holds more than names and sizes"])
        self._limits = limits
        self._turn = Lock()
        try:
            self._opened = ZipFile(BytesIO(archive.content))
            members = self._opened.infolist()
            faults = _directory_faults(members, bounds)
            too_large = _is_too_large(members, limits, bounds)
            self._files = [member for member in members if not _is_ignored(member)]
            if is_readable and not all(map(is_readable, self._beginnings())):
                faults.append("it holds files that are no recording")
        except _FOREIGN_ERRORS as error:
            raise _damaged() from error
        if faults:
            raise _refusal([*faults, _TOO_LARGE] if too_large else faults)
        if too_large:
            raise _too_large()

    def _beginnings(self) -> Iterator[UploadedFile]:
        """Each file but other archives, as far as its format is told."""
        for number, member in enumerate(self._files):
            if _suffix(member) != ARCHIVE_SUFFIX:
                yield UploadedFile(PurePosixPath(member.filename).name, self.beginning(number))

    def beginning(self, number: int) -> bytes:
        """The first bytes of the file at this place of `names`; none of one that is damaged."""
        member = self._files[number]
        with suppress(*_FOREIGN_ERRORS), self._turn, self._opened.open(member) as stream:
            return stream.read(FIRST_BYTES)
        return b""

    @property
    def names(self) -> list[str]:
        """Paths of its files, without folders and what operating systems add."""
        return ["/".join(_parts(member)) for member in self._files]

    def size_bytes(self, number: int) -> int:
        """What the directory says of the file at this place of `names`; no more of it is read."""
        return self._files[number].file_size

    def read(self, number: int) -> UploadedFile:
        """The file at this place of `names`, under its bare name.

        Raises:
            UnreadableRecording: It is damaged, or larger than the directory says.
        """
        member = self._files[number]
        bound = min(member.file_size, _bound(member, self._limits))
        try:
            with self._turn:
                content = _read_bounded(self._opened, member, bound)
        except _FOREIGN_ERRORS as error:
            raise _damaged() from error
        return UploadedFile(PurePosixPath(member.filename).name, content)


def is_archive(file: UploadedFile) -> bool:
    """Whether a file bears the name of a zip."""
    return file.suffix == ARCHIVE_SUFFIX


def unpacked_bytes(file: UploadedFile) -> int:
    """Bytes of a file, or of what an archive of one recording says that it holds."""
    # Of what will be refused for its directory not even that is read.
    if is_archive(file) and not (
        _surely_has_more(file, MAX_MEMBERS) or _is_long_to_read(file, MAX_MEMBERS)
    ):
        with suppress(*_FOREIGN_ERRORS):
            return sum(each.file_size for each in ZipFile(BytesIO(file.content)).infolist())
    return len(file.content)


def unpack(
    archive: UploadedFile, limits: ReadLimits, is_readable: Callable[[UploadedFile], bool]
) -> list[UploadedFile]:
    """The files of an archive of one recording.

    Args:
        archive: The zip.
        limits: Bounds on one file; all together may be twice as large.
        is_readable: Whether a reader takes such a file; others are refused.

    Raises:
        RecordingTooLarge, UnreadableRecording: As for `Archive`.
    """
    bounds = ArchiveBounds(MAX_MEMBERS, 2 * limits.max_file_bytes)
    opened = Archive(archive, limits, bounds, is_readable)
    return [opened.read(number) for number in range(len(opened.names))]


def _surely_has_more(archive: UploadedFile, members: int) -> bool:
    """Whether there are so many beginnings of entries that hardly half are chance."""
    return archive.content.count(_CENTRAL_SIGNATURE) > 2 * members


def _is_long_to_read(archive: UploadedFile, members: int) -> bool:
    """Whether entries have more extra fields than any tool writes: zipfile's time is quadratic.

    Some of what is taken for an entry may be chance.
    """
    content, extra_bytes = archive.content, 0
    start = content.find(_CENTRAL_SIGNATURE)
    while start >= 0:
        extra_bytes += int.from_bytes(content[start + 30 : start + 32], "little")
        start = content.find(_CENTRAL_SIGNATURE, start + 1)
    return extra_bytes > _MOST_EXTRA_BYTES + members * _EXTRA_BYTES_A_MEMBER


def _directory_faults(members: list[ZipInfo], bounds: ArchiveBounds) -> list[str]:
    """What the directory alone says against an archive, before anything is unpacked."""
    files = [member for member in members if not _is_ignored(member)]
    found = {_suffix(file) for file in files}
    wrong = {
        _too_many(bounds): len(members) > bounds.max_members,
        "it is encrypted": any(member.flag_bits & _ENCRYPTED for member in members),
        "it holds a member whose path leads out of it": any(map(_leads_out, members)),
        "it holds a link or a device": not all(map(_is_plain, members)),
        "it holds another archive": ARCHIVE_SUFFIX in found,
        "it is compressed by a method other than deflate": any(
            file.compress_type not in (ZIP_STORED, ZIP_DEFLATED) for file in files
        ),
    }
    return [what for what, is_so in wrong.items() if is_so]


def _is_too_large(members: list[ZipInfo], limits: ReadLimits, bounds: ArchiveBounds) -> bool:
    """Whether the directory says so; it may lie, so unpacking is bounded as well."""
    files = [member for member in members if not _is_ignored(member)]
    return (
        any(file.file_size > _bound(file, limits) for file in files)
        or sum(file.file_size for file in files) > bounds.max_total_bytes
    )


def _too_many(bounds: ArchiveBounds) -> str:
    return f"it holds more than {bounds.max_members} members"


def _read_bounded(opened: ZipFile, member: ZipInfo, bound: int) -> bytes:
    """A member's content, given up as soon as there is more of it than the bound."""
    content = bytearray()
    with opened.open(member) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            content += chunk
            if len(content) > bound:
                raise _too_large()
    return bytes(content)


def _bound(member: ZipInfo, limits: ReadLimits) -> int:
    return min(limits.max_file_bytes, max(_RATIO_FREE_BYTES, _MAX_RATIO * member.compress_size))


def _parts(member: ZipInfo) -> tuple[str, ...]:
    return PurePosixPath(member.filename.replace("\\", "/")).parts


def _suffix(member: ZipInfo) -> str:
    return PurePosixPath(member.filename).suffix.lower()


def _leads_out(member: ZipInfo) -> bool:
    path = member.filename.replace("\\", "/")
    return path.startswith("/") or path[1:2] == ":" or ".." in _parts(member)


def _is_plain(member: ZipInfo) -> bool:
    """Whether it is a plain file or a folder; archives from DOS say nothing of the kind."""
    kind = stat.S_IFMT(member.external_attr >> 16)
    return kind in (0, stat.S_IFDIR if member.is_dir() else stat.S_IFREG)


def _is_ignored(member: ZipInfo) -> bool:
    """Folders, what macOS adds (`__MACOSX/`, `.DS_Store`, `._name`), DICOM media's directory.

    And what databases put beside recordings; none of it is unpacked.
    """
    parts = _parts(member)
    return (
        member.is_dir()
        or not parts
        or parts[0] == "__MACOSX"
        or parts[-1] in (".DS_Store", "DICOMDIR")
        or parts[-1].startswith("._")
        or is_companion(parts[-1])
    )


def _too_large() -> RecordingTooLarge:
    return RecordingTooLarge.of(FaultCode.ARCHIVE_REFUSED, _REFUSED + _TOO_LARGE)


def _damaged() -> UnreadableRecording:
    return _refusal(["it is damaged or no zip archive"])


def _refusal(reasons: Iterable[str]) -> UnreadableRecording:
    return UnreadableRecording(
        Fault(FaultCode.ARCHIVE_REFUSED, _REFUSED + reason) for reason in reasons
    )
