"""Files: digests, and writing that leaves no half ones."""

import hashlib
from pathlib import Path

import pytest

from ecg_core.files import file_digest, publish, range_digest, whole_file

CONTENT = bytes(range(256)) * 40_000  # more than one chunk


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_bytes(CONTENT)
    return file


def test_digest_is_that_of_the_content(path: Path) -> None:
    assert file_digest(path) == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize(
    ("start", "length"), [(0, 0), (0, 1), (5, 5_000_000), (0, len(CONTENT)), (9_000_000, 10**9)]
)
def test_digest_of_a_range_is_that_of_its_bytes(path: Path, start: int, length: int) -> None:
    expected = hashlib.sha256(CONTENT[start : start + length]).hexdigest()
    assert range_digest(path, start, length) == expected


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new"
    with whole_file(path) as stream:
        stream.write(b"half")
        assert not path.exists()
        stream.write(b" and half")
    assert path.read_bytes() == b"half and half"
    assert [file.name for file in tmp_path.iterdir()] == ["new"]


def test_what_fails_half_way_leaves_the_old_file(path: Path) -> None:
    def fail_half_way() -> None:
        with whole_file(path) as stream:
            stream.write(b"new")
            raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        fail_half_way()
    assert path.read_bytes() == CONTENT


def test_publishing_replaces_what_was_there(path: Path, tmp_path: Path) -> None:
    partial = tmp_path / "partial"
    partial.write_bytes(b"new")
    publish(partial, path)
    assert path.read_bytes() == b"new"
    assert not partial.exists()
