"""Samples as they are unpacked, against the WFDB library."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import wfdb
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ecg_core.readers.wfdb.samples import BITS_PER_SAMPLE, unpacked


def by_the_library(content: bytes, storage_format: str, count: int) -> NDArray[np.int64]:
    with TemporaryDirectory() as folder:
        header = f"record 1 1 {count}\nrecord.dat {storage_format}\n"
        Path(folder, "record.hea").write_text(header)
        Path(folder, "record.dat").write_bytes(content)
        record = wfdb.rdrecord(str(Path(folder, "record")), physical=False, return_res=64)
        samples: NDArray[np.int64] = record.d_signal[:, 0]
        return samples


@given(st.sampled_from(sorted(BITS_PER_SAMPLE)), st.integers(1, 60), st.data())
def test_any_bytes_give_what_the_library_reads(
    storage_format: str, count: int, data: st.DataObject
) -> None:
    size = -(-count * BITS_PER_SAMPLE[storage_format] // 8)
    content = data.draw(st.binary(min_size=size, max_size=size))
    samples = unpacked(content, 0, storage_format, count)
    np.testing.assert_array_equal(samples, by_the_library(content, storage_format, count))


@pytest.mark.parametrize("storage_format", BITS_PER_SAMPLE)
def test_samples_may_begin_further_on(storage_format: str) -> None:
    content = bytes(range(1, 73))
    whole = unpacked(content, 0, storage_format, 12)
    np.testing.assert_array_equal(unpacked(b"x" * 24 + content, 24, storage_format, 12), whole)


@pytest.mark.parametrize("storage_format", BITS_PER_SAMPLE)
def test_the_largest_and_the_least_value_keep_their_sign(storage_format: str) -> None:
    half = 2 ** (BITS_PER_SAMPLE[storage_format] - 1)
    stored = {
        "80": b"\xff\x00",
        "212": b"\xff\x87\x00",
        "16": b"\xff\x7f\x00\x80",
        "24": b"\xff\xff\x7f\x00\x00\x80",
        "32": b"\xff\xff\xff\x7f\x00\x00\x00\x80",
    }[storage_format]
    assert unpacked(stored, 0, storage_format, 2).tolist() == [half - 1, -half]


def test_a_file_that_is_too_short_is_not_read_beyond_its_end() -> None:
    with pytest.raises(ValueError, match="buffer"):
        unpacked(b"123", 0, "16", 2)
