"""The two things that a file may say of the patient and that matter for the answer.

Only whether, never what: no value of the patient leaves this module.
"""

import re
from collections.abc import Iterable
from datetime import date
from types import MappingProxyType
from typing import SupportsFloat

from ecg_core.recording import Note, NoteCode

_ADULT_YEARS = 18.0
_OLDEST_YEARS = 130.0
_DAYS_PER_YEAR = 365.25
_YEARS = MappingProxyType(
    dict.fromkeys(("a", "yr", "years"), 1.0)
    | dict.fromkeys(("mo", "months"), 1 / 12)
    | dict.fromkeys(("wk", "weeks"), 7 / _DAYS_PER_YEAR)
    | dict.fromkeys(("d", "days"), 1 / _DAYS_PER_YEAR)
    | dict.fromkeys(("h", "hours"), 1 / 24 / _DAYS_PER_YEAR)
)
_PACED = re.compile(r"\b(?:pacemaker|paced|pacing|\w*schrittmacher\w*)\b", re.IGNORECASE)
_DENIED = re.compile(
    r"\b(?:no|not|non|none|without|w/o|absent|negative|denies|never|0|false|kein\w*|ohne|nicht|nein)\b",
    re.IGNORECASE,
)


def patient_notes(age_years: float | None, has_pacemaker: bool) -> list[Note]:
    """Notes on a patient whom the model has not seen.

    Args:
        age_years: None where the file does not say.
        has_pacemaker: Whether the file says so.
    """
    notes = []
    if age_years is not None and 0.0 <= age_years < _ADULT_YEARS:
        detail = "the file gives an age below 18: the model was trained on adults"
        notes.append(Note(NoteCode.OUTSIDE_TRAINING_POPULATION, detail))
    if has_pacemaker:
        detail = "the file speaks of a pacemaker or of paced beats: the model was trained on few"
        notes.append(Note(NoteCode.PACED_PATIENT, detail))
    return notes


def age_in_years(age: SupportsFloat | None, unit: str) -> float | None:
    """An age as a file states it ("yr", "months", …), in years; None where one is unknown."""
    years = _YEARS.get(unit.lower())
    return None if age is None or years is None else float(age) * years


def age_between(birth: date | None, recorded: date | None) -> float | None:
    """Years from one date to the other; None where one is missing or they make no age."""
    if birth is None or recorded is None:
        return None
    years = (recorded - birth).days / _DAYS_PER_YEAR
    return years if 0.0 <= years <= _OLDEST_YEARS else None


def mentions_pacemaker(texts: Iterable[str]) -> bool:
    """Whether one of these short statements speaks of a pacemaker and does not deny it."""
    return any(_PACED.search(text) and not _DENIED.search(text) for text in texts)
