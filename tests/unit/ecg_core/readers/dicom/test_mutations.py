"""Whatever becomes of a sound file, nothing but the domain's own errors comes out."""

from contextlib import suppress
from itertools import chain
from time import process_time

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_core.errors import InputError
from ecg_core.readers.base import ReadLimits
from ecg_core.readers.dicom.reader import DicomReader
from tests.support.dicom import SYNTAXES, make_dicom, make_group
from tests.support.mutations import mutations
from tests.support.recordings import make_recording

SHORT = make_recording(leads=("I", "II", "V1"), duration_s=0.3)
MUTATIONS = 2000
LIMITS = ReadLimits()


def read_or_refuse(content: bytes) -> None:
    started = process_time()
    with suppress(InputError):
        recording = DicomReader().read_file(content, LIMITS)
        assert 0 < len(recording.leads) <= 12
        assert not np.isinf(recording.samples_mv).all()
    assert process_time() - started < 2


def test_two_thousand_mutations_are_read_or_refused() -> None:
    each = MUTATIONS // len(SYNTAXES)
    files = [
        make_dicom(make_group(SHORT, big_endian=syntax == "big endian"), syntax=syntax).content
        for syntax in SYNTAXES
    ]
    for content in chain.from_iterable(mutations(file, each, head=1600) for file in files):
        read_or_refuse(content)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_refused(content: bytes, preamble: bool) -> None:
    read_or_refuse(b"\0" * 128 * preamble + b"DICM" * preamble + content)
