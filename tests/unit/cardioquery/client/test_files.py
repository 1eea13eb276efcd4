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


def test_open_files_bare_bytes_and_nothing_are_refused_by_what_to_do(header: Path) -> None:
    with header.open("rb") as opened, pytest.raises(RecordingFileError, match="an open file"):
        recording_files(opened)  # type: ignore[arg-type]
    with pytest.raises(RecordingFileError, match="bytes need the file's name"):
        recording_files(b"I,II")  # type: ignore[arg-type]
    with pytest.raises(RecordingFileError, match="bytes need the file's name"):
        recording_files([header, b"12"])  # type: ignore[list-item]
    with pytest.raises(RecordingFileError, match="no file of a recording"):
        recording_files([])


@pytest.mark.parametrize("spelt", ["a1.DAT", "A1.Dat", "a1.dat"])
def test_signal_file_of_another_case_is_found(header: Path, spelt: str) -> None:
    header.with_name(spelt).write_bytes(b"12")
    assert recording_files(header)[1:] == [(spelt, b"12")]


def test_signal_file_with_an_umlaut_is_found_in_any_encoding(tmp_path: Path) -> None:
    tmp_path.joinpath("U\u0308.dat").write_bytes(b"12")
    for encoding in ("utf-8", "latin-1"):
        header = tmp_path / "\u00dc.hea"
        header.write_bytes(HEADER.replace("A1", "\u00dc").encode(encoding))
        assert recording_files(header)[1:] == [("U\u0308.dat", b"12")]


def test_renamed_pair_is_found(header: Path) -> None:
    renamed = header.rename(header.with_name("B2.hea"))
    renamed.with_suffix(".dat").write_bytes(b"12")
    assert recording_files(renamed)[1:] == [("B2.dat", b"12")]


def test_folder_in_the_header_is_named_as_the_reason(header: Path) -> None:
    header.write_text(HEADER.replace("A1.dat", "sub/A1.dat"))
    header.with_suffix(".dat").write_bytes(b"12")
    with pytest.raises(RecordingFileError, match="by a folder"):
        recording_files(header)


def test_header_with_bytes_that_are_not_text_does_not_break(header: Path) -> None:
    header.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecordingFileError):
        recording_files(header)
