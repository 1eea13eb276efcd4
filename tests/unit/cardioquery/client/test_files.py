from pathlib import Path

import pytest

from cardioquery.client import RecordingFileError
from cardioquery.client.files import recording_files

HEADER = "A1 2 500 5000\nA1.dat 16 1000 16 0 0 0 0 I\nA1.dat 16 1000 16 0 0 0 0 II\n# a comment\n"


@pytest.fixture
def header(tmp_path: Path) -> Path:
    path = tmp_path / "A1.hea"
    path.write_text(HEADER)
    return path


def test_header_alone_brings_its_signal_file(header: Path) -> None:
    header.with_suffix(".dat").write_bytes(b"12")
    assert recording_files(header) == [("A1.hea", HEADER.encode()), ("A1.dat", b"12")]


def test_header_alone_as_text_or_in_a_list_brings_it_too(header: Path) -> None:
    header.with_suffix(".dat").write_bytes(b"12")
    assert recording_files(str(header)) == recording_files([header]) == recording_files(header)


def test_matlab_signal_file_is_found(header: Path) -> None:
    header.write_text(HEADER.replace("A1.dat", "A1.mat"))
    header.with_suffix(".mat").write_bytes(b"12")
    assert [name for name, _ in recording_files(header)] == ["A1.hea", "A1.mat"]


def test_pair_that_is_given_is_left_as_it_is(header: Path) -> None:
    header.with_suffix(".dat").write_bytes(b"12")
    header.with_name("other.dat").write_bytes(b"34")
    files = recording_files([header, header.with_name("other.dat")])
    assert [name for name, _ in files] == ["A1.hea", "other.dat"]


def test_header_without_its_signal_file_is_refused(header: Path) -> None:
    with pytest.raises(RecordingFileError, match=r"\.dat or \.mat file does not lie beside"):
        recording_files(header)


@pytest.mark.parametrize("named", ["../secret.dat", "secret.txt", "..\\secret.dat", "sub/a.dat"])
def test_header_cannot_pick_other_files(header: Path, named: str) -> None:
    header.write_text(HEADER.replace("A1.dat", named))
    for name in ("secret.txt", "secret.dat"):
        header.with_name(name).write_text("secret")
    header.parent.joinpath("sub").mkdir()
    header.parent.joinpath("sub", "a.dat").write_text("secret")
    with pytest.raises(RecordingFileError):
        recording_files(header)


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingFileError, match=r"nothing\.csv: No such file"):
        recording_files(tmp_path / "nothing.csv")


@pytest.mark.parametrize("given", [("a.csv", b"I,II"), [("a.csv", b"I,II")], (("a.csv", b"I,II"),)])
def test_bytes_are_taken_with_their_name(given: tuple[str, bytes]) -> None:
    assert recording_files(given) == [("a.csv", b"I,II")]


def test_header_with_bytes_that_are_not_text_does_not_break(header: Path) -> None:
    header.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecordingFileError):
        recording_files(header)
