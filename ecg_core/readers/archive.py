"""Unpacking of a zip that holds one recording: in memory, bounded, nothing taken on trust."""

import stat
import struct
import zlib
from collections.abc import Iterable
from io import BytesIO
from pathlib import PurePosixPath
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, LargeZipFile, ZipFile, ZipInfo

from ecg_core.errors import Fault, FaultCode, RecordingTooLarge, UnreadableRecording
from ecg_core.readers.base import ReadLimits, UploadedFile

ARCHIVE_SUFFIX = ".zip"
MAX_MEMBERS = 20

# ECGs deflate to a tenth at best. Small members may do better, a blank one far better.
_MAX_RATIO = 100
_RATIO_FREE_BYTES = 1024 * 1024

_CHUNK_BYTES = 64 * 1024
_CENTRAL_SIGNATURE = b"PK\x01\x02"
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


def unpack(
    archive: UploadedFile, limits: ReadLimits, suffixes: frozenset[str]
) -> list[UploadedFile]:
    """The files of an archive, without folders and what operating systems add.

    Args:
        archive: The zip.
        limits: Bounds on one file; all together may be twice as large.
        suffixes: Suffixes that a reader takes; other files are refused.

    Raises:
        RecordingTooLarge: The archive is too large when unpacked, and nothing else is wrong.
        UnreadableRecording: It is broken, malicious or encrypted, or holds something else than
            recordings.
    """
    # zipfile builds an object for each entry, whatever the directory says of their number.
    if archive.content.count(_CENTRAL_SIGNATURE) > 2 * MAX_MEMBERS:
        raise _refusal([f"it holds more than {MAX_MEMBERS} members"])
    try:
        with ZipFile(BytesIO(archive.content)) as opened:
            members = opened.infolist()
            faults = _directory_faults(members, suffixes)
            too_large = _is_too_large(members, limits)
            if faults:
                raise _refusal([*faults, _TOO_LARGE] if too_large else faults)
            if too_large:
                raise _too_large()
            return _read_members(opened, [m for m in members if not _is_ignored(m)], limits)
    except _FOREIGN_ERRORS as error:
        raise _refusal(["it is damaged or no zip archive"]) from error


def _directory_faults(members: list[ZipInfo], suffixes: frozenset[str]) -> list[str]:
    """What the directory alone says against an archive, before anything is unpacked."""
    files = [member for member in members if not _is_ignored(member)]
    wrong = {
        f"it holds more than {MAX_MEMBERS} members": len(members) > MAX_MEMBERS,
        "it is encrypted": any(member.flag_bits & _ENCRYPTED for member in members),
        "it holds a member whose path leads out of it": any(map(_leads_out, members)),
        "it holds a link or a device": not all(map(_is_plain, members)),
        "it holds another archive": any(_suffix(file) == ARCHIVE_SUFFIX for file in files),
        "it holds files that are no recording": any(
            _suffix(file) not in suffixes | {ARCHIVE_SUFFIX} for file in files
        ),
        "it is compressed by a method other than deflate": any(
            file.compress_type not in (ZIP_STORED, ZIP_DEFLATED) for file in files
        ),
    }
    return [what for what, is_so in wrong.items() if is_so]


def _is_too_large(members: list[ZipInfo], limits: ReadLimits) -> bool:
    """Whether the directory says so; it may lie, so unpacking is bounded as well."""
    files = [member for member in members if not _is_ignored(member)]
    return (
        any(file.file_size > _bound(file, limits) for file in files)
        or sum(file.file_size for file in files) > 2 * limits.max_file_bytes
    )


def _read_members(
    opened: ZipFile, members: list[ZipInfo], limits: ReadLimits
) -> list[UploadedFile]:
    files: list[UploadedFile] = []
    budget = 2 * limits.max_file_bytes
    for member in members:
        content = _read_bounded(opened, member, min(budget, _bound(member, limits)))
        budget -= len(content)
        files.append(UploadedFile(PurePosixPath(member.filename).name, content))
    return files


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
    """Folders, and what macOS adds: `__MACOSX/`, `.DS_Store`, `._name`."""
    parts = _parts(member)
    return (
        member.is_dir()
        or not parts
        or parts[0] == "__MACOSX"
        or parts[-1] == ".DS_Store"
        or parts[-1].startswith("._")
    )


def _too_large() -> RecordingTooLarge:
    return RecordingTooLarge.of(FaultCode.ARCHIVE_REFUSED, _REFUSED + _TOO_LARGE)


def _refusal(reasons: Iterable[str]) -> UnreadableRecording:
    return UnreadableRecording(
        Fault(FaultCode.ARCHIVE_REFUSED, _REFUSED + reason) for reason in reasons
    )
