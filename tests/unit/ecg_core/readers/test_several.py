"""Uploads of several recordings: whose file is whose, and that each stands by itself."""

from zipfile import ZIP_STORED

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_core.errors import FaultCode, RecordingTooLarge, UnreadableRecording
from ecg_core.readers import ArchiveBounds, ReadLimits, UploadedFile, recordings_in
from tests.builders import make_wfdb, make_zip

BOUNDS = ArchiveBounds(max_members=100, max_total_bytes=10_000_000)


def files(*names: str) -> list[UploadedFile]:
    return [UploadedFile(name, name.encode()) for name in names]


def told_apart(*names: str) -> dict[str, list[str]]:
    """Names of each recording's files, in full: their contents are their names."""
    return {
        source.name: [file.content.decode() for file in source.fetch()]
        for source in recordings_in(files(*names), ReadLimits(), BOUNDS)
    }


def test_a_header_and_the_signal_file_of_its_name_belong_together() -> None:
    assert told_apart("b.dat", "a.hea", "b.hea", "a.mat") == {
        "b.hea": ["b.hea", "b.dat"],
        "a.hea": ["a.hea", "a.mat"],
    }


def test_the_same_name_in_another_folder_is_another_recording() -> None:
    assert told_apart("x/r.hea", "y/r.hea", "x/r.dat", "y\\r.dat") == {
        "x/r.hea": ["x/r.hea", "x/r.dat"],
        "y/r.hea": ["y/r.hea", "y\\r.dat"],
    }


def test_the_only_header_of_a_folder_takes_its_only_signal_file() -> None:
    assert told_apart("x/a.hea", "x/signals.dat", "y/b.HEA", "y/b.DAT") == {
        "x/a.hea": ["x/a.hea", "x/signals.dat"],
        "y/b.HEA": ["y/b.HEA", "y/b.DAT"],
    }


@pytest.mark.parametrize(
    ("names", "count"),
    [
        (("a.hea", "b.dat", "c.dat"), 3),
        (("a.hea", "a.dat", "b.dat"), 2),
        (("a.hea", "b.hea", "c.dat"), 3),
    ],
)
def test_what_is_not_plain_is_not_guessed(names: tuple[str, ...], count: int) -> None:
    assert len(told_apart(*names)) == count


def test_every_other_file_is_one_by_itself() -> None:
    names = ("a.csv", "a.hea", "a.dat", "a.txt", "note.pdf", "more.zip", "", ".hea")
    assert list(told_apart(*names)) == [
        "a.csv",
        "a.hea",
        "a.txt",
        "note.pdf",
        "more.zip",
        "",
        ".hea",
    ]


def test_files_of_one_name_stay_together_for_the_reader_to_refuse() -> None:
    sources = recordings_in(files("a.hea", "a.dat", "a.hea", "a.dat"), ReadLimits(), BOUNDS)
    assert [len(source.fetch()) for source in sources] == [4]


def test_readers_get_bare_names() -> None:
    (source,) = recordings_in(files("../x/a.hea", "../x/a.dat"), ReadLimits(), BOUNDS)
    assert [file.name for file in source.fetch()] == ["a.hea", "a.dat"]


@given(st.lists(st.text(st.sampled_from("ab/.\\"), max_size=6).map(lambda t: t + ".hea")))
def test_no_file_is_lost_or_given_twice(stems: list[str]) -> None:
    names = [name for stem in stems for name in (stem, stem[:-4] + ".dat", stem[:-4] + ".csv")]
    sources = recordings_in(files(*names), ReadLimits(), BOUNDS)
    assert sorted(f.content for s in sources for f in s.fetch()) == sorted(map(str.encode, names))


class TestZip:
    def test_its_recordings_are_told_apart_by_folder(self) -> None:
        pair = {file.name: file.content for file in make_wfdb()}
        members = {f"{n}/{name}": content for n in "ab" for name, content in pair.items()}
        archive = make_zip(members | {"b/": b"", "__MACOSX/._x": b"", "c.csv": b"I\n1"})
        sources = recordings_in([archive], ReadLimits(), BOUNDS)
        assert [source.name for source in sources] == ["a/record.hea", "b/record.hea", "c.csv"]
        for source in sources[:2]:
            assert {file.name: file.content for file in source.fetch()} == pair

    def test_a_damaged_member_is_refused_by_itself(self) -> None:
        archive = make_zip({"a.csv": b"first", "b.csv": b"second"}, compression=ZIP_STORED)
        broken = UploadedFile("x.zip", archive.content.replace(b"first", b"fxrst"))
        one, other = recordings_in([broken], ReadLimits(), BOUNDS)
        with pytest.raises(UnreadableRecording) as caught:
            one.fetch()
        assert caught.value.faults[0].code is FaultCode.ARCHIVE_REFUSED
        assert other.fetch()[0].content == b"second"

    @pytest.mark.parametrize(
        "members",
        [
            {"../a.csv": b"1"},
            {"inner.zip": b"PK"},
            {f"{n}.csv": b"1" for n in range(101)},
            {f"{n}.csv": b"0" * 1_000_000 for n in range(11)},
        ],
        ids=["leads out", "zip in zip", "members", "bytes"],
    )
    def test_a_malicious_one_is_refused_as_a_whole(self, members: dict[str, bytes]) -> None:
        with pytest.raises((UnreadableRecording, RecordingTooLarge)) as caught:
            recordings_in([make_zip(members)], ReadLimits(), BOUNDS)
        assert {fault.code for fault in caught.value.faults} == {FaultCode.ARCHIVE_REFUSED}

    def test_names_are_not_shown(self) -> None:
        (source,) = recordings_in(files("Mustermann.csv"), ReadLimits(), BOUNDS)
        assert "Mustermann" not in repr(source)
