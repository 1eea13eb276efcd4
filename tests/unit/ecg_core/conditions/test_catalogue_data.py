"""The catalogue's data: complete, consistent and apart from the held-out wordings."""

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from ecg_core.conditions import BenchmarkSet, Catalogue, Condition, normalise_term

HELD_OUT = Path(__file__).resolve().parents[4] / "model_training" / "data"

# PTB-XL's 71 SCP-ECG statements, spelt as in its table of statements.
SCP_STATEMENTS = """
NDT NST_ DIG LNGQT NORM IMI ASMI LVH LAFB ISC_ IRBBB 1AVB IVCD ISCAL CRBBB CLBBB ILMI LAO/LAE AMI
ALMI ISCIN INJAS LMI ISCIL LPFB ISCAS INJAL ISCLA RVH ANEUR RAO/RAE EL WPW ILBBB IPLMI ISCAN IPMI
SEHYP INJIN INJLA PMI 3AVB INJIL 2AVB ABQRS PVC STD_ VCLVH QWAVE LOWT NT_ PAC LPR INVT LVOLT HVOLT
TAB_ STE_ PRC(S) SR AFIB STACH SARRH SBRAD PACE SVARR BIGU AFLT SVTAC PSVT TRIGU
"""

# The columns after the metadata in the benchmark's CSV files.
BENCHMARK_CLASSES = {
    BenchmarkSet.PTBXL_SUPER: "HYP NORM MI CD STTC",
    BenchmarkSet.PTBXL_SUB: "AMI LAFB/LPFB LVH STTC IMI SEHYP CRBBB WPW LAO/LAE NORM ISC AVB "
    "RAO/RAE LMI ISCI ISCA NST CLBBB ILBBB IRBBB PMI RVH IVCD",
    BenchmarkSet.PTBXL_FORM: "PAC DIG HVOLT STD LPR QWAVE VCLVH NDT TAB LOWT ABQRS LNGQT PRC(S) NT "
    "STE NST PVC INVT LVOLT",
    BenchmarkSet.PTBXL_RHYTHM: "SVARR BIGU STACH SARRH SBRAD TRIGU AFIB SR SVTAC PSVT AFLT PACE",
    BenchmarkSet.CPSC2018: "AFIB VPC NORM 1AVB CRBBB STE PAC CLBBB STD",
    BenchmarkSet.CSN: "AQW UW SR WPW 2AVB AT VB ARS STTC SA STE VPB TWO STTU ALS APB 2AVB1 PRIE "
    "CCR CR AF AVB QTIE LBBB VEB SVT RBBB 1AVB STDD MI AFIB TWC PWC ERV RVH LVH ST JEB",
}

CATALOGUE = Catalogue.load()

# Verhoeff's tables: the group D5 and its permutation.
_PRODUCT = [
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
]  # fmt: skip
_PERMUTED = [
    "0123456789", "1576283094", "5803796142", "8916043527",
    "9453126870", "4286573901", "2793806415", "7046913258",
]  # fmt: skip


def passes_check_digit(code: str) -> bool:
    check = 0
    for place, digit in enumerate(reversed(code)):
        check = int(_PRODUCT[check][int(_PERMUTED[place % 8][int(digit)])])
    return check == 0


def held_out_wordings() -> list[tuple[str, str]]:
    files = sorted(HELD_OUT.glob("unseen_wordings_*.toml"))
    tables = [tomllib.loads(file.read_text("utf-8"))["wordings"] for file in files]
    return [(i, wording) for table in tables for i, ws in table.items() for wording in ws]


def each_condition() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("condition", CATALOGUE.conditions, ids=lambda c: c.id)


def test_check_digit_is_told_from_a_wrong_one() -> None:
    assert passes_check_digit("164889003")
    assert not passes_check_digit("164889004")


def test_catalogue_is_large_enough() -> None:
    assert len(CATALOGUE.conditions) >= 150


def test_ids_are_unique() -> None:
    counts = Counter(condition.id for condition in CATALOGUE.conditions)
    assert max(counts.values()) == 1


def test_no_term_names_two_conditions() -> None:
    named: dict[str, set[str]] = {}
    for condition in CATALOGUE.conditions:
        for wording in condition.wordings:
            named.setdefault(normalise_term(wording).replace(" ", ""), set()).add(condition.id)
    assert [term for term, ids in named.items() if len(ids) > 1] == []
    assert "" not in named


def test_every_scp_statement_has_its_condition() -> None:
    codes = SCP_STATEMENTS.split()
    assert len(codes) == 71
    assert [code for code in codes if CATALOGUE.by_scp(code) is None] == []
    known = {code for condition in CATALOGUE.conditions for code in condition.scp}
    assert known == set(codes)


@pytest.mark.parametrize("benchmark_set", BenchmarkSet)
def test_every_benchmark_class_has_its_condition(benchmark_set: BenchmarkSet) -> None:
    names = BENCHMARK_CLASSES[benchmark_set].split()
    assert [name for name in names if CATALOGUE.by_class(benchmark_set, name) is None] == []
    known = {n for c in CATALOGUE.conditions for s, n in c.classes if s is benchmark_set}
    assert known == set(names)


def test_benchmark_has_106_classes() -> None:
    assert sum(len(names.split()) for names in BENCHMARK_CLASSES.values()) == 106


@each_condition()
def test_broader_conditions_exist_and_never_lead_back(condition: Condition) -> None:
    ancestors = [ancestor.id for ancestor in CATALOGUE.ancestors(condition.id)]
    assert set(condition.broader) <= set(ancestors)
    assert condition.id not in ancestors


@each_condition()
def test_description_is_a_sentence(condition: Condition) -> None:
    assert condition.description.endswith(".")
    assert len(condition.description) >= 40


@each_condition()
def test_condition_has_german_and_other_wordings(condition: Condition) -> None:
    assert condition.german
    assert len(condition.wordings) >= 4


@each_condition()
def test_snomed_ids_pass_the_check_digit(condition: Condition) -> None:
    assert [code for code in condition.snomed if not passes_check_digit(code)] == []


def test_ambiguous_terms_name_several_conditions() -> None:
    for term in ("SA", "PE", "LAH", "AMI", "Mobitz", "HWI"):
        assert len(CATALOGUE.ambiguous(term)) >= 2
        assert CATALOGUE.find(term) is None


def test_spelling_is_british_in_names_and_american_is_found() -> None:
    american = re.compile(r"(?<!a)emi[ac]\b|\w{4}iz(?:ed|ation)\b|fiber|artifact", re.IGNORECASE)
    assert [c.name for c in CATALOGUE.conditions if american.search(c.name)] == []
    for british, other in [("aemia", "emia"), ("isation", "ization"), ("artefact", "artifact")]:
        for condition in CATALOGUE.conditions:
            if british in condition.name:
                found = CATALOGUE.find(condition.name.replace(british, other))
                assert found is condition


def test_held_out_wordings_name_conditions_that_exist() -> None:
    known = {condition.id for condition in CATALOGUE.conditions}
    assert held_out_wordings()
    assert {condition_id for condition_id, _ in held_out_wordings()} <= known


def test_held_out_wordings_are_not_in_the_catalogue() -> None:
    listed = [
        wording
        for _, wording in held_out_wordings()
        if CATALOGUE.find(wording) or CATALOGUE.ambiguous(wording)
    ]
    assert listed == []


def test_held_out_wordings_are_written_once() -> None:
    counts = Counter(wording.casefold() for _, wording in held_out_wordings())
    assert [wording for wording, count in counts.items() if count > 1] == []
