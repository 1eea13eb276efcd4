"""Whatever comes in, nothing but the domain's own errors comes out."""

from contextlib import suppress
from functools import cache

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecg_core.errors import InputError
from ecg_core.readers import UploadedFile, read_recording
from tests.support.recordings import make_recording, make_wfdb

light = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)

FRAGMENTS = (
    *("record", "record.dat", "record.mat", "../x.dat", "~", "/2", "s3://x"),
    *("12", "1", "0", "-1", "500", "1e-7", "nan", "4000000000", "9" * 40),
    *("16", "212", "80", "24", "32", "516", "16+24", "16x2", "16:9"),
    *("1000/mV", "200(0)/uV", "0/mV", "-1/mV", "1e999/mV", "1000(1)/V"),
    *(
        "I",
        "II",
        "aVR",
        "V1",
        "vx",
        "Müller",
        "#",
        " ",
        "\t",
        "\n",
        "\r\n",
        "\x00",
        "\x85",
        "\u2028",
    ),
)


@cache
def sound_pair(matlab: bool) -> tuple[UploadedFile, UploadedFile]:
    """A short pair; built once."""
    recording = make_recording(leads=("I", "II", "V1"), duration_s=0.2)
    header, signal_file = make_wfdb(recording, matlab=matlab)
    return header, signal_file


def read_or_refuse(header: bytes, signal: bytes, *, matlab: bool = False) -> None:
    suffix = ".mat" if matlab else ".dat"
    with suppress(InputError):
        recording = read_recording(
            [UploadedFile("r.hea", header), UploadedFile("r" + suffix, signal)]
        )
        assert 0 < len(recording.leads) <= 16
        assert not np.isinf(recording.samples_mv).any()


@light
@given(st.binary(max_size=400), st.binary(max_size=400), st.booleans())
def test_arbitrary_bytes(header: bytes, signal: bytes, matlab: bool) -> None:
    read_or_refuse(header, signal, matlab=matlab)


@light
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=60), st.binary(max_size=200))
def test_headers_of_plausible_words(words: list[str], signal: bytes) -> None:
    read_or_refuse(" ".join(words).encode(), signal)


@light
@given(st.data(), st.booleans())
def test_sound_headers_with_a_word_exchanged(data: st.DataObject, matlab: bool) -> None:
    header, signal_file = sound_pair(matlab)
    words = header.content.decode().replace("\n", " \n ").split(" ")
    for _ in range(data.draw(st.integers(1, 3))):
        words[data.draw(st.integers(0, len(words) - 1))] = data.draw(st.sampled_from(FRAGMENTS))
    read_or_refuse(" ".join(words).encode(), signal_file.content, matlab=matlab)


@light
@given(st.data(), st.booleans())
def test_sound_pairs_with_bytes_exchanged(data: st.DataObject, matlab: bool) -> None:
    header, signal = (bytearray(file.content) for file in sound_pair(matlab))
    for content in (header, signal):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    read_or_refuse(bytes(header), bytes(signal), matlab=matlab)
