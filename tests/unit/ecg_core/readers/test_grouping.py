"""Uploads of several recordings: whose file is whose, and that each stands by itself."""

from pathlib import PurePosixPath
from zipfile import ZIP_STORED

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_core.errors import FaultCode, RecordingTooLarge, UnreadableRecording
from ecg_core.leads import LEADS
from ecg_core.readers import (
    ArchiveBounds,
    ReadLimits,
    UploadedFile,
    read_recording,
    recordings_in,
)
from tests.support.recordings import make_wfdb, make_zip

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


def record(name: str, *signals: str, folder: str = "") -> list[UploadedFile]:
    """A header of one lead for each signal file named, and these files."""
    leads = zip(LEADS, signals, strict=False)
    lines = [f"{name} {len(signals)} 500 1300", *(f"{file} 16 1000 16 0 0 0 0 {lead}"
                                                 for lead, file in leads)]  # fmt: skip
    header = UploadedFile(f"{folder}{name}.hea", "\n".join(lines).encode())
    return [header, *(UploadedFile(folder + signal, signal.encode()) for signal in signals)]


def names_of(sent: list[UploadedFile]) -> dict[str, list[str]]:
    sources = recordings_in(sent, ReadLimits(), BOUNDS)
    zipped = make_zip({file.name: file.content for file in sent})
    in_zip = recordings_in([zipped], ReadLimits(), BOUNDS)
    found, same = (
        {source.name: sorted(file.name for file in source.fetch()) for source in each}
        for each in (sources, in_zip)
    )
    assert found == same
    return found


def test_a_header_takes_the_signal_files_that_it_names() -> None:
    sent = [*record("a", "a1.dat", "a2.dat"), *record("b", "b.dat", "B-chest.dat")]
    assert names_of(sent) == {
        "a.hea": ["a.hea", "a1.dat", "a2.dat"],
        "b.hea": ["B-chest.dat", "b.dat", "b.hea"],
    }


@settings(deadline=None)
@given(st.data())
def test_several_signal_files_of_many_records_are_told_apart_in_any_order(
    data: st.DataObject,
) -> None:
    """Whatever their names: of another stem, spelt otherwise, the same in another folder."""
    stems = data.draw(st.lists(st.sampled_from("pqstuv"), min_size=2, max_size=6, unique=True))
    expected, sent = {}, []
    for number, stem in enumerate(stems):
        folder = data.draw(st.sampled_from(["", "x/", "x/y/"]))
        signals = [f"{stem}{part}.dat" for part in range(data.draw(st.integers(1, 3)))]
        if data.draw(st.booleans()):
            signals[0] = f"r{number}.dat"
        header, *files_of = record(f"r{number}", *signals, folder=folder)
        spelt = data.draw(st.sampled_from([str.upper, str.lower]))
        files_of = [UploadedFile(folder + spelt(PurePosixPath(file.name).name), file.content)
                    for file in files_of]  # fmt: skip
        sent += [header, *files_of]
        bare = [PurePosixPath(file.name).name for file in (header, *files_of)]
        expected[header.name] = sorted(bare)
    assert names_of(data.draw(st.permutations(sent))) == expected


@pytest.mark.parametrize("common", ["both.dat", "BOTH.dat"])
def test_signal_files_that_two_headers_name_are_refused_with_both(common: str) -> None:
    one, two = record("a", "a.dat", "both.dat"), record("b", "b.dat", common)
    (group,) = recordings_in([*one, *two[:2]], ReadLimits(), BOUNDS)
    with pytest.raises(UnreadableRecording) as caught:
        read_recording(group.fetch())
    (fault,) = caught.value.faults
    assert fault.code is FaultCode.SEVERAL_RECORDINGS
    assert "nothing tells whose the signal files are" in fault.detail


def test_a_record_is_not_harmed_by_one_beside_it_that_names_its_signal_file() -> None:
    assert names_of([*record("a", "a.dat"), *record("b", "a.dat", "b1.dat")[::2]]) == {
        "a.hea": ["a.dat", "a.hea"],
        "b.hea": ["b.hea", "b1.dat"],
    }


def test_headers_that_cannot_be_read_take_nothing() -> None:
    assert told_apart("a.hea", "a.dat", "b.hea", "b1.dat", "b2.dat") == {
        "a.hea": ["a.hea", "a.dat"],
        "b.hea": ["b.hea"],
        "b1.dat": ["b1.dat"],
        "b2.dat": ["b2.dat"],
    }


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


def test_the_size_of_a_recording_is_told_before_it_is_unpacked() -> None:
    archive = make_zip({"a.csv": b"1,2\n" * 1_000_000})
    packed, table = recordings_in([archive, UploadedFile("b.csv", b"I\n1")], ReadLimits(), BOUNDS)
    assert (packed.size_bytes, table.size_bytes) == (4_000_000, 3)


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
            assert source.size_bytes == sum(map(len, pair.values()))

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
