"""The file of 4-bit weights is read exactly, or refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_training.text.packed import NotPacked, read_packed
from tests.unit.model_training.text.packed_files import (
    FEED_FORWARD,
    HIDDEN,
    PIECES,
    model_tensors,
    packed_file,
)

TENSORS = model_tensors()
CONTENT = packed_file(TENSORS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("packed")


def read(folder, content):
    path = folder / "weights.bin"
    path.write_bytes(content)
    return read_packed(path)


def test_every_weight_is_read_exactly(folder):
    packed = read(folder, CONTENT)
    assert packed.tensors.keys() == TENSORS.keys()
    for name, (_, expected) in TENSORS.items():
        np.testing.assert_array_equal(packed.tensors[name], expected, err_msg=name)


def test_sizes_pieces_and_replaced_characters_are_read(folder):
    packed = read(folder, CONTENT)
    assert (packed.header.hidden, packed.header.feed_forward) == (HIDDEN, FEED_FORWARD)
    assert packed.header.layer_norm_epsilon == pytest.approx(1e-12)
    assert [(piece.text, piece.score) for piece in packed.pieces] == [*PIECES]
    assert packed.normalised == {"\t": " ", "\x7f": ""}


@given(st.integers(0, len(CONTENT) - 1))
def test_a_file_that_is_cut_off_is_refused(folder, length):
    with pytest.raises(NotPacked):
        read(folder, CONTENT[:length])


@pytest.mark.parametrize(("at", "value"), [(0, b"GGUF"), (40, b"\x40"), (48, b"\x05")])
def test_another_layout_is_refused(folder, at, value):
    with pytest.raises(NotPacked):
        read(folder, CONTENT[:at] + value + CONTENT[at + len(value) :])
