"""Codes that name conditions."""

import csv
from pathlib import Path

import pytest

from ecg_core.conditions import Catalogue
from ecg_core.conditions.naming import naming_codes

# Of these no public list at hand says what they mean.
DOUBTFUL = set(
    """164854000 444658006 31722008 397829000 3424008 14140009 43339004 66931009 5291005 3238004
    59282003 233873004 9651007 401303003 401314000 164903001 74021003 86651002 27637000 251147008
    251148003 423863005""".split()  # noqa: SIM905
)


@pytest.mark.parametrize("condition_id", naming_codes())
def test_a_naming_code_is_one_that_the_condition_is_read_by(condition_id: str) -> None:
    assert naming_codes()[condition_id] in Catalogue.load().get(condition_id).snomed


def test_no_code_names_two_conditions() -> None:
    assert len(set(naming_codes().values())) == len(naming_codes())


def test_doubtful_codes_name_nothing() -> None:
    assert len(DOUBTFUL) == 22
    assert not DOUBTFUL & set(naming_codes().values())


def test_a_narrower_or_neighbouring_concept_names_nothing() -> None:
    # Inferior ST depression, LBBB that may be incomplete, paroxysmal AF, anterior MI that is acute.
    others = {"704997005", "164909002", "282825002", "54329005", "418818005"}
    assert not others & set(naming_codes().values())


@pytest.mark.shared
def test_every_naming_code_is_in_the_public_lists(shared: Path) -> None:
    listed = set()
    for path in (shared / "data" / "codes").glob("dx_mapping_*.csv"):
        with path.open(newline="") as file:
            listed |= {row["SNOMEDCTCode"] for row in csv.DictReader(file)}
    assert set(naming_codes().values()) <= listed
