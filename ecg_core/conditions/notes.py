"""Notes on how a text was read; none repeats the text's own words: it may hold patient data."""

from dataclasses import dataclass
from types import MappingProxyType

from ecg_core.conditions.frames import Qualifier


class NoteCode:
    """Codes of warnings about how a query was read. Part of the HTTP contract."""

    NOT_READ = "not_read"
    SPELLING = "query_spelling"


@dataclass(frozen=True, slots=True)
class Note:
    """What the asker should know of how a text was read; never in the text's own words."""

    code: str
    detail: str


_QUALIFIERS = MappingProxyType(
    {
        Qualifier.SEVERITY: "how severe it is",
        Qualifier.ACUITY: "how new it is",
        Qualifier.AGE: "how old it is",
        Qualifier.ONLY: "that it is the only finding",
        Qualifier.SIDE: "on which side it is",
        Qualifier.FREQUENCY: "how often it occurs",
    }
)


def not_read(what: str) -> Note:
    """That a part of a text was passed over."""
    return Note(NoteCode.NOT_READ, f"not read: {what}")


def qualifier_not_read(qualifier: Qualifier) -> Note:
    """That a word which qualifies a finding was passed over."""
    return not_read(_QUALIFIERS[qualifier])


def read_as(term: str) -> Note:
    """That a text was taken for a misspelt term of the lexicon."""
    return Note(NoteCode.SPELLING, f"read as: {term}")
