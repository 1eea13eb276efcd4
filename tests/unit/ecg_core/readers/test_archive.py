"""Zips: one recording is read, everything else is refused without being unpacked to disk."""

import struct
import zlib
from contextlib import suppress
from functools import cache
from io import BytesIO
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED, ZipFile, ZipInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_core.errors import FaultCode, InputError, RecordingTooLarge
from ecg_core.leads import LEADS
from ecg_core.readers import ReadLimits, UploadedFile, read_recording, unpacked_bytes
from tests.support.recordings import make_recording, make_wfdb, make_wfdb_zip, make_zip
from tests.support.refusals import Refusal

REFUSED = FaultCode.ARCHIVE_REFUSED


def pair(**others: bytes) -> dict[str, bytes]:
    """Members of a sound archive, and others beside them."""
    return {file.name: file.content for file in make_wfdb()} | others


def patched(archive: UploadedFile, old: bytes, new: bytes) -> UploadedFile:
    assert old in archive.content
    return UploadedFile(archive.name, archive.content.replace(old, new))


def with_directory_field(archive: UploadedFile, offset: int, value: bytes) -> UploadedFile:
    """The same archive with a field of its first entry in the central directory overwritten."""
    content = bytearray(archive.content)
    place = content.index(b"PK\x01\x02") + offset
    content[place : place + len(value)] = value
    return UploadedFile(archive.name, bytes(content))


def with_extra_fields(members: dict[str, bytes], extra_bytes: int) -> UploadedFile:
    """A zip whose entries have so many bytes of empty fields each."""
    content = BytesIO()
    with ZipFile(content, "w") as archive:
        for name, member in members.items():
            info = ZipInfo(name)
            info.extra = b"\x00\x99\x00\x00" * (extra_bytes // 4)
            archive.writestr(info, member)
    return UploadedFile("a.zip", content.getvalue())


class TestRead:
    @pytest.mark.parametrize("folder", ["", "Befunde/2024/"])
    def test_zip_of_a_pair_reads_like_the_pair(self, folder: str) -> None:
        plain, zipped = read_recording(make_wfdb()), read_recording([make_wfdb_zip(folder=folder)])
        assert zipped.leads == plain.leads
        np.testing.assert_array_equal(zipped.samples_mv, plain.samples_mv)

    def test_zip_of_a_challenge_pair_is_read(self) -> None:
        assert read_recording([make_wfdb_zip(make_wfdb(matlab=True))]).leads == LEADS

    def test_stored_zip_is_read(self) -> None:
        assert read_recording([make_zip(pair(), compression=ZIP_STORED)]).leads == LEADS

    def test_zip_of_one_csv_is_read(self) -> None:
        rows = "".join(f"{n / 500},{n % 50 / 100},{n % 40 / 100}\n" for n in range(2500))
        table = "time_s,I (mV),II (mV)\n" + rows
        recording = read_recording([make_zip({"a.csv": table.encode()})])
        assert (recording.format, recording.leads) == ("csv", ("I", "II"))

    def test_what_operating_systems_add_is_passed_over(self) -> None:
        extra = {
            "ecg/": b"",
            "__MACOSX/._record.hea": b"\0\5\x16\7",
            ".DS_Store": b"Bud1",
            "ecg/._record.dat": b"",
        }
        assert read_recording([make_zip(pair(**extra))]).leads == LEADS

    def test_blank_recording_that_deflates_well_is_no_bomb(self) -> None:
        recording = make_recording()
        blank = make_wfdb(
            type(recording)(np.zeros_like(recording.samples_mv), LEADS, 500.0, "wfdb")
        )
        assert not read_recording([make_wfdb_zip(blank)]).samples_mv.any()


class TestContent:
    @pytest.mark.parametrize("name", ["b.hea", "other/record.dat", "record.mat", "a.csv"])
    def test_two_recordings_in_one_zip_are_refused(self, name: str, refused: Refusal) -> None:
        refused([make_zip(pair(**{name: b"x"}))], FaultCode.SEVERAL_RECORDINGS)

    def test_half_a_pair_is_refused(self, refused: Refusal) -> None:
        refused([make_wfdb_zip(make_wfdb()[:1])], FaultCode.INCOMPLETE_UPLOAD)

    def test_empty_zip_is_refused(self, refused: Refusal) -> None:
        refused([make_zip({})], FaultCode.INCOMPLETE_UPLOAD)

    def test_zip_in_zip_is_refused(self, refused: Refusal) -> None:
        refused([make_zip({"a.zip": make_wfdb_zip().content})], REFUSED)

    @pytest.mark.parametrize("name", ["readme.md", "record.hea.gz", "run.exe", "name", "a.hea/x"])
    def test_member_that_is_no_recording_is_refused(self, name: str, refused: Refusal) -> None:
        refused([make_zip(pair(**{name: b"x"}))], REFUSED)

    @pytest.mark.parametrize(
        "name",
        ["../a.hea", "x/../../a.hea", "/etc/a.hea", "//host/a.hea", "..\\a.hea", "C:\\a.hea"],
    )
    def test_member_whose_path_leads_out_is_refused(self, name: str, refused: Refusal) -> None:
        files = make_wfdb()
        refused([make_zip({name: files[0].content, "record.dat": files[1].content})], REFUSED)

    @pytest.mark.parametrize("mode", [0o120777, 0o060666, 0o010666, 0o140666])
    def test_link_or_device_as_signal_file_is_refused(self, mode: int, refused: Refusal) -> None:
        header, _ = make_wfdb()
        link = ZipInfo("record.dat")
        link.create_system, link.external_attr = 3, mode << 16
        buffer = BytesIO()
        with ZipFile(buffer, "w") as archive:
            archive.writestr("record.hea", header.content)
            archive.writestr(link, "/etc/passwd")
        refused([UploadedFile("a.zip", buffer.getvalue())], REFUSED)

    def test_faults_of_an_archive_are_reported_at_once(self, refused: Refusal) -> None:
        members = {"../a.hea": b"x", "b.zip": b"x", "c.md": b"x"}
        refused([make_zip(members)], REFUSED, REFUSED, REFUSED)

    def test_no_error_tells_a_member_s_name(self, refused: Refusal) -> None:
        error = refused([make_zip({"Erika Mustermann.pdf": b"x"})], REFUSED)
        assert "Erika" not in repr(error.faults)


class TestSize:
    @pytest.mark.parametrize("count", [21, 39, 41, 60_000])
    def test_too_many_members_are_refused(self, count: int, refused: Refusal) -> None:
        name = b"a.hea"
        local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0)
        entry = struct.pack(
            "<4s4B4H3I5H2I", b"PK\x01\x02", 20, 0, 20, 0, 0, 0, 0, 33, 0, 0, 0, len(name), *[0] * 6
        )
        body, directory = local + name, (entry + name) * count
        end = struct.pack(
            "<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, len(directory), len(body), 0
        )
        refused([UploadedFile("a.zip", body + directory + end)], REFUSED)

    def test_a_directory_of_extra_fields_is_refused_before_it_is_read(
        self, refused: Refusal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def read(*_: object) -> None:
            raise AssertionError("zipfile takes a second for 20 such entries, and more for more")

        archive = with_extra_fields(pair() | {f"{n}.hea": b"" for n in range(18)}, 65_532)
        monkeypatch.setattr(ZipFile, "infolist", read)
        error = refused([archive], REFUSED)
        assert "directory" in error.faults[0].detail
        assert unpacked_bytes(archive) == len(archive.content)

    @pytest.mark.parametrize(("beside", "extra_bytes"), [(18, 200), (1, 65_532)])
    def test_extra_fields_that_are_soon_read_are(self, beside: int, extra_bytes: int) -> None:
        members = pair() | {f"{n}/.DS_Store": b"" for n in range(beside)}
        assert read_recording([with_extra_fields(members, extra_bytes)]).leads == LEADS

    def test_bomb_is_refused_by_its_declared_size(self, refused: Refusal) -> None:
        bomb = make_zip({"record.hea": b"x", "record.dat": bytes(30_000_000)})
        assert len(bomb.content) < 100_000
        assert isinstance(refused([bomb], REFUSED), RecordingTooLarge)

    def test_bomb_that_is_wrong_otherwise_too_is_told_both(self, refused: Refusal) -> None:
        bomb = make_zip({"record.hea": b"x", "record.dat": bytes(30_000_000), "b.zip": b"x"})
        error = refused([bomb], REFUSED, REFUSED)
        assert not isinstance(error, RecordingTooLarge)

    @pytest.mark.parametrize("claimed", [10, 500_000])
    def test_bomb_that_lies_about_its_size_is_refused(self, claimed: int, refused: Refusal) -> None:
        bomb = make_zip({"record.dat": bytes(30_000_000), "record.hea": b"x"})
        refused([with_directory_field(bomb, 24, struct.pack("<I", claimed))], REFUSED)

    def test_member_larger_than_its_directory_says_is_given_up(self, refused: Refusal) -> None:
        # The size in the directory bounds what is unpacked; the checksum then tells.
        bomb = make_zip({"record.dat": bytes(2_000_000), "record.hea": b"x"})
        error = refused([with_directory_field(bomb, 24, struct.pack("<I", 900_000))], REFUSED)
        assert "damaged" in error.faults[0].detail

    def test_bomb_that_claims_much_compressed_data_is_refused(self, refused: Refusal) -> None:
        bomb = make_zip({"record.dat": bytes(40_000_000), "record.hea": b"x"})
        refused([with_directory_field(bomb, 20, struct.pack("<I", 4_000_000))], REFUSED)

    def test_member_over_the_limit_is_refused(self, refused: Refusal) -> None:
        limits = ReadLimits(max_file_bytes=100_000)
        assert isinstance(refused([make_wfdb_zip()], REFUSED, limits=limits), RecordingTooLarge)

    def test_members_over_the_limit_together_are_refused(self, refused: Refusal) -> None:
        noise = np.random.default_rng(1).bytes(1000)
        archive = make_zip({f"{n}.dat": noise for n in range(18)}, compression=ZIP_DEFLATED)
        refused([archive], FaultCode.TOO_LONG, limits=ReadLimits(max_file_bytes=8000))
        archive = make_zip({f"{n}.dat": bytes(1000) for n in range(18)})
        refused([archive], REFUSED, limits=ReadLimits(max_file_bytes=8000))

    def test_overlapping_members_are_refused(self, refused: Refusal) -> None:
        """All entries point at one member (Fifield's bomb): their names do not match its header."""
        archive = bytearray(make_zip({"a.dat": bytes(10_000), "b.dat": bytes(10_000)}).content)
        second = archive.rindex(b"PK\x01\x02")
        archive[second + 42 : second + 46] = struct.pack("<I", 0)
        refused([UploadedFile("a.zip", bytes(archive))], REFUSED)


class TestDamage:
    def test_encrypted_zip_is_refused(self, refused: Refusal) -> None:
        archive = make_wfdb_zip()
        refused([with_directory_field(archive, 8, b"\x01\x00")], REFUSED)

    @pytest.mark.parametrize("method", [ZIP_BZIP2, ZIP_LZMA])
    def test_other_compression_methods_are_refused(self, method: int, refused: Refusal) -> None:
        refused([make_zip(pair(), compression=method)], REFUSED)

    def test_unknown_compression_method_is_refused(self, refused: Refusal) -> None:
        refused([with_directory_field(make_wfdb_zip(), 10, b"\x63\x00")], REFUSED)

    def test_wrong_checksum_is_refused(self, refused: Refusal) -> None:
        refused([with_directory_field(make_wfdb_zip(), 16, b"\0\0\0\0")], REFUSED)

    def test_broken_deflate_stream_is_refused(self, refused: Refusal) -> None:
        archive = make_wfdb_zip()
        content = bytearray(archive.content)
        content[60:90] = b"\xff" * 30
        refused([UploadedFile("a.zip", bytes(content))], REFUSED)

    def test_name_that_is_no_utf_8_is_refused(self, refused: Refusal) -> None:
        archive = make_zip(pair(**{"ä.hea": b"x"}))
        refused([patched(archive, "ä".encode(), b"\xff\xff")], REFUSED)

    @pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all", b"PK\x05\x06" + bytes(17)])
    def test_what_is_no_zip_is_refused(self, content: bytes, refused: Refusal) -> None:
        refused([UploadedFile("a.zip", content)], REFUSED)

    @pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
    def test_truncated_zip_is_refused(self, part: float, refused: Refusal) -> None:
        content = make_wfdb_zip().content
        refused([UploadedFile("a.zip", content[: int(part * len(content))])], REFUSED)


@cache
def small_archive() -> bytes:
    recording = make_recording(leads=("I", "II"), duration_s=0.1)
    return make_wfdb_zip(make_wfdb(recording)).content


def read_or_refuse(content: bytes) -> None:
    with suppress(InputError):
        assert read_recording([UploadedFile("a.zip", content)]).leads


@settings(max_examples=150, deadline=None, database=None)
@given(st.binary(max_size=300), st.booleans())
def test_arbitrary_bytes(content: bytes, as_member: bool) -> None:
    member = make_zip({"a.hea": content, "a.dat": zlib.compress(content)})
    read_or_refuse(member.content if as_member else content)


@settings(max_examples=300, deadline=None, database=None)
@given(st.data())
def test_sound_archives_with_bytes_exchanged(data: st.DataObject) -> None:
    content = bytearray(small_archive())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    read_or_refuse(bytes(content))
