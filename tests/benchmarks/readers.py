"""What reading costs: `python -m tests.benchmarks.readers [FILES]`.

Processor milliseconds of one reading, the median of many; without files, of made ones of 12 leads
and 10 s at 500 Hz.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from time import process_time

from ecg_core.readers import StatedFacts, UploadedFile, read_recording
from tests.support.dicom import SYNTAXES, make_dicom, make_group
from tests.support.edf import make_edf
from tests.support.philips_files import make_philips
from tests.support.recordings import make_csv, make_recording, make_wfdb
from tests.support.scp_files import make_scp
from tests.support.xml_files import make_aecg, make_cardiosoft, make_muse, stored_units

ROUNDS = 40


def made() -> Iterator[tuple[str, list[UploadedFile]]]:
    """A name and the files of each format."""
    for storage_format in ("16", "212", "80", "24", "32"):
        yield f"wfdb {storage_format}", make_wfdb(storage_format=storage_format)
    for syntax in SYNTAXES:
        group = make_group(big_endian=syntax == "big endian")
        yield f"dicom {syntax}", [make_dicom(group, syntax=syntax)]
    yield "edf", [make_edf()]
    for name, content in {
        "aecg": make_aecg(),
        "muse": make_muse(),
        "cardiosoft": make_cardiosoft(),
        "philips": make_philips(),
        "philips plain": make_philips(compression="", encoding="Plain"),
        "scp": make_scp(stored_units()),
        "scp plain": make_scp(stored_units(), codes=None),
    }.items():
        yield name, [UploadedFile("x", content)]
    yield "csv", make_csv(make_recording())


def milliseconds(files: Sequence[UploadedFile]) -> float:
    """Processor time of one reading."""
    spans = []
    for _ in range(ROUNDS):
        started = process_time()
        read_recording(files, StatedFacts())
        spans.append(1e3 * (process_time() - started))
    return median(spans)


def main() -> None:
    """Print a line a format or file."""
    paths = [Path(name) for name in sys.argv[1:]]
    given = [(path.name, [UploadedFile("x", path.read_bytes())]) for path in paths]
    for name, files in given or made():
        sys.stdout.write(f"{milliseconds(files):8.2f} ms  {name}\n")


if __name__ == "__main__":
    main()
