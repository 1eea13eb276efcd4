"""Faults copied from headers met in the wild: the benign are read, the others refused."""

import numpy as np
import pytest

from ecg_core.errors import FaultCode
from ecg_core.leads import LEADS
from ecg_core.readers import UploadedFile, read_recording
from tests.support.recordings import edit_header, make_wfdb
from tests.support.refusals import Refusal

CHALLENGE_COMMENTS = (
    "#Age: NaN\n#Sex: NaN\n#Dx: 426783006\n#Rx: Unknown\n#Hx: Unknown\n#Sx: Unknown\n"
)


def same_as_plain(files: list[UploadedFile]) -> bool:
    recording, plain = read_recording(files), read_recording(make_wfdb())
    return recording.leads == plain.leads and np.array_equal(recording.samples_mv, plain.samples_mv)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # Date in place of the time, month by name (Challenge 2020 and 2021).
        (" 500 5000\n", " 500 5000 12-May-2020 12:33:59\n"),
        (" 500 5000\n", " 500 5000 00:00:00 31/02/1850\n"),
        (" 500 5000\n", " 500 5000 25:61:61 never\n"),
        # Rate with a counter frequency and base, and as a decimal.
        (" 500 5000\n", " 500/500(0) 5000\n"),
        (" 500 5000\n", " 500.0 5000\n"),
        # PTB in Challenge 2020.
        ("1000.0(0)/mV", "1000/mv"),
        # Samples a frame, skew and offset given as what they are by default.
        ("record.dat 16 ", "record.dat 16x1 "),
        ("record.dat 16 ", "record.dat 16x1:0+0 "),
        # Tabs, several blanks, trailing blanks, CRLF, old Mac line ends, blank lines.
        (" ", "\t"),
        (" ", "   "),
        ("\n", "  \n"),
        ("\n", "\r\n"),
        ("\n", "\r"),
        ("\n", "\n\n"),
        # PTB-XL writes AVR for aVR; others write all in lower case.
        (" aVR\n", " AVR\n"),
        (" aVL\n", " avl\n"),
        # File name unlike the record's, with dots and spaces that were underscores.
        ("record.dat", "JS00001.v1.0.DAT"),
        # Gain in scientific notation, with a sign.
        ("1000.0(0)/mV", "+1e3(+0)/mV"),
    ],
)
def test_benign_oddity_is_read_right(old: str, new: str) -> None:
    assert same_as_plain(edit_header(make_wfdb(), (old, new)))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", CHALLENGE_COMMENTS),
        ("", CHALLENGE_COMMENTS.replace("#", "# ")),
        ("", "#Age: NaN"),
        ("# made by a tool\n\n", ""),
        ("\ufeff", ""),
        ("", "# Größe: 1,80 m\n#\n#\t\n"),
    ],
)
def test_comments_and_byte_order_mark_are_passed_over(before: str, after: str) -> None:
    header, signal_file = make_wfdb()
    text = before + header.content.decode() + after
    assert same_as_plain([UploadedFile(header.name, text.encode()), signal_file])


def test_header_without_a_line_end_is_read() -> None:
    header, signal_file = make_wfdb()
    assert same_as_plain([UploadedFile(header.name, header.content.rstrip()), signal_file])


def test_checksums_and_initial_values_that_are_zeros_count_as_not_given() -> None:
    header, signal_file = make_wfdb()
    lines = header.content.decode().splitlines()
    zeros = [f"record.dat 16 1000(0)/mV 16 0 0 0 0 {lead}" for lead in LEADS]
    text = "\n".join([lines[0], *zeros])
    assert same_as_plain([UploadedFile(header.name, text.encode()), signal_file])


def test_checksums_may_be_written_signed_or_unsigned() -> None:
    header, signal_file = make_wfdb()
    first, *lines = header.content.decode().splitlines()
    signed = []
    for line in lines:
        fields = line.split()
        fields[6] = str(int(fields[6]) - 65536)
        signed.append(" ".join(fields))
    text = "\n".join([first, *signed])
    assert same_as_plain([UploadedFile(header.name, text.encode()), signal_file])


def test_comment_that_lost_its_sign_is_refused(refused: Refusal) -> None:
    header, signal_file = make_wfdb()
    content = header.content + b"Age: NaN\n"
    refused([UploadedFile(header.name, content), signal_file], FaultCode.MALFORMED_HEADER)
