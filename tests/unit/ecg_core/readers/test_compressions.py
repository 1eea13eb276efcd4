"""What the formats' compressions pack, the readers unpack: for any samples and any tables."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecg_core.leads import LEADS
from ecg_core.readers.scp.huffman import decode
from ecg_core.readers.scp.huffman_tables import read_tables
from ecg_core.readers.xml import xli
from tests.support.philips_files import xli_packed
from tests.support.scp_files import DEFAULT_CODES, Code, huffman_packed, tables_section

light = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
SAMPLES = st.integers(-(2**15), 2**15 - 1)
# Mostly small steps, as an ECG's, with some that are not.
STEPS = st.one_of(st.integers(-9, 9), st.integers(-200, 200), SAMPLES)


@st.composite
def prefix_codes(draw: st.DrawFn) -> list[Code]:
    """Codes none of which begins another: leaves of a tree that is split at random."""
    leaves = [""]
    for _ in range(draw(st.integers(1, 20))):
        splittable = [leaf for leaf in leaves if len(leaf) < 16]
        leaf = draw(st.sampled_from(splittable))
        leaves.remove(leaf)
        leaves += [leaf + "0", leaf + "1"]
    values = draw(st.permutations(range(-10, 11)))[: len(leaves) - 1]
    numbers = [Code(leaf, value) for leaf, value in zip(leaves[1:], values, strict=False)]
    return [Code(leaves[0], 0, 16), *numbers]


@light
@given(st.lists(STEPS, min_size=1, max_size=400))
def test_default_codes_come_back(row: list[int]) -> None:
    packed = huffman_packed(np.array(row), DEFAULT_CODES)
    numbers, taken = decode(packed, len(row), read_tables((19999).to_bytes(2, "little")))
    assert numbers.tolist() == row
    assert 0 <= len(packed) - taken <= 1


@light
@given(prefix_codes(), st.lists(STEPS, min_size=1, max_size=200))
def test_codes_of_any_table_come_back(codes: list[Code], row: list[int]) -> None:
    packed = huffman_packed(np.array(row), codes)
    numbers, _ = decode(packed, len(row), read_tables(tables_section(codes)))
    assert numbers.tolist() == row


@light
@given(st.integers(0, 2**32), st.integers(17_000, 40_000), st.sampled_from([1, 8, 300, 20_000]))
def test_codes_of_many_blocks_come_back(seed: int, count: int, size: int) -> None:
    row = np.random.default_rng(seed).integers(-size, size + 1, count)
    numbers, _ = decode(huffman_packed(row), count, read_tables((19999).to_bytes(2, "little")))
    np.testing.assert_array_equal(numbers, row)


@light
@given(st.integers(0, 2**32), st.integers(3, 700), st.sampled_from([0, 1, 9, 300, 30_000]))
def test_compressed_leads_come_back(seed: int, count: int, size: int) -> None:
    random = np.random.default_rng(seed)
    rows = {lead: random.integers(-size, size + 1, count) for lead in LEADS}
    # Residuals have to fit into 16 bits, as all that is stored.
    rows |= {lead: rows[lead] // 4 for lead in LEADS[:6]}
    chunks = xli.chunks_of(xli_packed(rows), 12)
    unpacked = xli.without_residuals([xli.unpack_chunk(chunk, count) for chunk in chunks])
    for lead, row in zip(LEADS, unpacked, strict=True):
        np.testing.assert_array_equal(row, rows[lead])
