"""The catalogue against the label files and headers of real recordings."""

import csv
import re
from pathlib import Path

import pytest

from ecg_core.conditions import Catalogue

pytestmark = pytest.mark.shared

CATALOGUE = Catalogue.load()

# Codes in the headers' "Dx" lines without a condition of their own, each with the reason.
WITHOUT_CONDITION: dict[str, str] = {}

BENCHMARK_FILES = {
    "ptbxl_super": ("ptbxl/super_class/ptbxl_super_class", 6),
    "ptbxl_sub": ("ptbxl/sub_class/ptbxl_sub_class", 6),
    "ptbxl_form": ("ptbxl/form/ptbxl_form", 6),
    "ptbxl_rhythm": ("ptbxl/rhythm/ptbxl_rhythm", 6),
    "cpsc2018": ("icbeb/icbeb", 7),
    "csn": ("chapman/chapman", 3),
}


def diagnoses(shared: Path) -> set[str]:
    codes: set[str] = set()
    for header in (shared / "data").rglob("*.hea"):
        text = header.read_text("utf-8", errors="replace")
        for listed in re.findall(r"^#\s*Dx:(.*)$", text, re.MULTILINE):
            codes.update(code.strip() for code in listed.split(","))
    return codes


def test_every_diagnosis_of_a_header_has_its_condition(shared: Path) -> None:
    codes = diagnoses(shared)
    assert codes
    assert {code for code in codes if not CATALOGUE.by_snomed(code)} == set(WITHOUT_CONDITION)


@pytest.mark.parametrize("benchmark_set", BENCHMARK_FILES)
@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_every_column_of_the_benchmark_has_its_condition(
    shared: Path, benchmark_set: str, split: str
) -> None:
    stem, metadata_columns = BENCHMARK_FILES[benchmark_set]
    path = shared / "data" / "zero-shot-benchmark" / f"{stem}_{split}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        classes = next(csv.reader(file))[metadata_columns:]
    assert [name for name in classes if CATALOGUE.by_class(benchmark_set, name) is None] == []


def test_every_row_of_the_scp_table_has_its_condition(shared: Path) -> None:
    path = shared / "data" / "ptb-xl" / "scp_statements.csv"
    with path.open(encoding="utf-8", newline="") as file:
        codes = [row[0] for row in csv.reader(file)][1:]
    assert len(codes) == 71
    assert [code for code in codes if CATALOGUE.by_scp(code) is None] == []
