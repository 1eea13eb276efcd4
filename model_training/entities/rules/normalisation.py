"""Any wording of a finding to the catalogue's standard term, or to none."""

import re
from dataclasses import dataclass
from functools import lru_cache

from ecg_core.conditions import Catalogue
from model_training.entities.model import Status
from model_training.entities.rules.extractor import EntityExtractor

_WORD = re.compile(r"[^\W\d_]+")
_MOST_CHARACTERS = 200
# Words that say how sure, how old or how marked a finding is, not which one it is.
_QUALIFIER = re.compile(
    r"""an?|the|of|in|with|and|is|are|on|ecg|ekg|leads?|wall|i{1,3}|av[rlf]|v
    |possibl[ey]|probabl[ey]|likely|suspected|definite|borderline|consistent|sugges(?:tive|ting)
    |old|new|recent|acute|chronic|known|age|(?:un|in)determined|indeterminate
    |marked|mild|moderate|severe|minor|slight(?:ly)?|diffuse|occasional|frequent|isolated
    |multiple|single|evidence|signs?|findings?|pattern""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class StandardTerm:
    """A condition of the catalogue, and how it was found.

    Attributes:
        condition_id: The condition.
        by: `catalogue` if the wording is one of the catalogue's, `rules` if the rules read it.
    """

    condition_id: str
    by: str


class Normaliser:
    """Maps wordings to the catalogue; synonyms, abbreviations and spellings fall together."""

    def __init__(self, catalogue: Catalogue, extractor: EntityExtractor) -> None:
        self._catalogue = catalogue
        self._extractor = extractor
        self.term = lru_cache(maxsize=100_000)(self._term)

    def _term(self, wording: str) -> tuple[StandardTerm, ...]:
        """The conditions that a wording names; empty if it is none or several may be meant.

        A wording that the catalogue does not list is read like a report. It counts only if nothing
        is left of it but qualifiers: "thrombus in left ventricular aneurysm" is no aneurysm.
        """
        listed = self._catalogue.find(wording)
        if listed is not None:
            return (StandardTerm(listed.id, "catalogue"),)
        if self._catalogue.ambiguous(wording) or len(wording) > _MOST_CHARACTERS:
            return ()
        entities = self._extractor.extract(wording)
        spans = [(entity.start, entity.end) for entity in entities]
        if not entities or not _only_qualifiers(wording, spans):
            return ()
        stated = (e for e in entities if e.status in (Status.PRESENT, Status.UNCERTAIN))
        return tuple(StandardTerm(e.condition_id, "rules") for e in stated)


def _only_qualifiers(wording: str, spans: list[tuple[int, int]]) -> bool:
    rest = list(wording)
    for start, end in spans:
        rest[start:end] = " " * (end - start)
    return all(_QUALIFIER.fullmatch(word.lower()) for word in _WORD.findall("".join(rest)))
