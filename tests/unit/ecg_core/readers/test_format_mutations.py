"""2,000 files a reader with something exchanged: read or refused, and never anything else."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from random import Random
from time import process_time

import numpy as np
import pytest

from ecg_core.errors import InputError
from ecg_core.leads import LEADS
from ecg_core.quality import check_recording
from tests.support.format_mutations import mutated_xml, resealed_scp
from tests.support.mutations import mutations
from tests.support.philips_files import make_philips, with_pulse
from tests.support.reading import read
from tests.support.recordings import make_recording
from tests.support.scp_files import make_scp, patient_section
from tests.support.xml_files import (
    aecg_lead,
    aecg_series,
    aecg_set,
    make_aecg,
    make_cardiosoft,
    make_muse,
    muse_lead,
    muse_waveform,
    stored_units,
)

MUTATIONS = 2000
MAX_S = 1.0

# Short, so that many are read; long enough for the quality check behind.
ROWS = stored_units(make_recording(duration_s=2.6, sampling_rate_hz=100.0))
EIGHT = {lead: row for lead, row in ROWS.items() if lead not in LEADS[2:6]}


def aecgs() -> list[bytes]:
    whole = aecg_series(
        aecg_set((aecg_lead(name, row) for name, row in ROWS.items()), increment="0.01"),
        derived=aecg_set([aecg_lead("I", range(60))]),
    )
    return [make_aecg(whole, birth="20000101")]


def muses() -> list[bytes]:
    leads = [muse_lead(name, row) for name, row in EIGHT.items()]
    unchecked = [muse_lead(name, row, LeadDataCRC32=0) for name, row in EIGHT.items()]
    median = muse_waveform([muse_lead("I", EIGHT["I"][:60])], "Median", base=100)
    return [
        make_muse(median, muse_waveform(rows, base=100), patient={"PatientAge": 3})
        for rows in (leads, unchecked)
    ]


def cardiosofts() -> list[bytes]:
    return [make_cardiosoft(ROWS, rate='<SampleRate units="Hz">100</SampleRate>')]


def philipses() -> list[bytes]:
    said = {"samplespersecond": 100, "document_encoding": "utf-8", "durationperchannel": 2600}
    ten_s = stored_units(make_recording(sampling_rate_hz=100.0))
    pulsed = with_pulse(ten_s, 100)
    return [
        make_philips(ROWS, **said),
        make_philips(ROWS, compression="", **said),
        make_philips(ROWS, compression="", encoding="Plain", **said),
        make_philips(pulsed, **said | {"durationperchannel": 11000}),
    ]


def scps() -> list[bytes]:
    changed = {1: patient_section({4: b"\x05\0\1", 32: b"\0\x2a"}), 7: bytes(4)}
    return [
        make_scp(EIGHT, times=times, interval_us=10_000, changed=changed, **said)
        for times in (0, 1, 2)
        for said in ({}, {"codes": None})
    ]


def xml_versions(seed: bytes, count: int) -> Iterator[bytes]:
    """Two thirds with texts, attributes and names exchanged, the others with bytes."""
    random = Random(count)
    others = mutations(seed, count, head=len(seed))
    for number, other in enumerate(others):
        yield other if number % 3 == 0 else mutated_xml(seed, random)


def scp_versions(seed: bytes, count: int) -> Iterator[bytes]:
    """Most with checksums that match, or nothing behind these would ever be reached."""
    for number, version in enumerate(mutations(seed, count, head=len(seed))):
        yield version if number % 10 == 0 else resealed_scp(version)


SEEDS = {
    "aecg": (aecgs, xml_versions),
    "muse": (muses, xml_versions),
    "cardiosoft": (cardiosofts, xml_versions),
    "philips": (philipses, xml_versions),
    "scp": (scps, scp_versions),
}


@pytest.mark.parametrize("name", SEEDS)
def test_mutations_are_read_or_refused(name: str) -> None:
    make, versions = SEEDS[name]
    seeds = make()
    assert all(read(seed).format == name for seed in seeds)
    read_count = 0
    slowest_s = 0.0
    for content in chain.from_iterable(
        versions(seed, -(-MUTATIONS // len(seeds))) for seed in seeds
    ):
        started = process_time()
        with suppress(InputError):
            recording = read(content)
            read_count += 1
            assert set(recording.leads) <= set(LEADS)
            assert recording.samples_mv.dtype == np.float32
            check_recording(recording, allow_missing_leads=True)
        slowest_s = max(slowest_s, process_time() - started)
    # Some exchange what does not matter, most something that does.
    assert MUTATIONS // 50 < read_count < MUTATIONS
    assert slowest_s < MAX_S
