"""What a text names as a whole: exactly, without words beside the name, denied, or misspelt.

From the surest to the least sure, so that no slip is seen in what is spelt right.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ecg_core.conditions.comparisons import read_measurement
from ecg_core.conditions.frames import undenied, unframed, unqualified
from ecg_core.conditions.lexicon import Lexicon, folded_words
from ecg_core.conditions.negation import holds_negating_word, terms_after_prefix
from ecg_core.conditions.notes import Note, qualifier_not_read, read_as
from ecg_core.conditions.quantities import COMPARING
from ecg_core.conditions.question import Question, denied
from ecg_core.conditions.refusals import refuse_ambiguous
from ecg_core.conditions.regions import named_leads
from ecg_core.conditions.spelling import is_slip
from ecg_core.conditions.terms import fold_characters

_LONGEST_ABBREVIATION = 8  # letters


class _Correction(NamedTuple):
    """A term that a misspelt text may mean, what it asks for, and what else was passed over."""

    question: Question
    term: str
    notes: list[Note]


class NameReader:
    """Reads names through a lexicon."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon

    def read(self, forms: Sequence[str], notes: list[Note]) -> Question | None:
        """What is named as a whole.

        Args:
            forms: Ever barer forms of one text.
            notes: Takes up what of it was not read, or read with a correction.

        Returns:
            None if the text is no name, nor near to one.

        Raises:
            InvalidQuery: It has several meanings.
        """
        for form in forms:
            found = self._leaf(form) or self._leaf(_adjective_first(form))
            if found is not None:
                return found
        for form in forms:
            found = self._unqualified(form, notes) or self._denied(form, notes)
            if found is not None:
                return found
        return _first(self._misspelt(form, notes) for form in reversed(forms))

    def may_deny(self, text: str) -> bool:
        """Whether any word of a text negates, or is a name glued to a negation: "noLBBB"."""
        names = terms_after_prefix(text)
        return holds_negating_word(text) or any(map(self._lexicon.find, names))

    def _leaf(self, text: str) -> Question | None:
        if meanings := self._lexicon.ambiguous(text):
            refuse_ambiguous(", ".join(meaning.name for meaning in meanings))
        # A number first: "PR above 200 ms" is a wording of a condition, "PR above 201 ms" is none,
        # and the answer may not jump between the two.
        measured = read_measurement(text)
        if measured is not None:
            return measured
        found = self._lexicon.find(text)
        return None if found is None else found.question

    def _unqualified(self, text: str, notes: list[Note]) -> Question | None:
        folded = fold_characters(text)
        for bare in unqualified(text):
            found = _first(map(self._leaf, unframed(bare.text)))
            # The "right" that was left out may be the opposite of a name's "left".
            if found is not None and not self._lexicon.contradicts(folded, found):
                notes.extend(map(qualifier_not_read, sorted(bare.dropped)))
                return found
        return None

    def _denied(self, text: str, notes: list[Note]) -> Question | None:
        inner = undenied(text)
        if inner is None:
            return None
        forms = tuple(unframed(inner))
        found = _first(map(self._leaf, forms))
        found = found or _first(self._unqualified(form, notes) for form in forms)
        if found is None and not holds_negating_word(inner):
            found = _first(self._misspelt(form, notes) for form in forms)
        return None if found is None else denied(found)

    def _misspelt(self, text: str, notes: list[Note]) -> Question | None:
        if self.may_deny(text) or _is_abbreviation(text):
            return None
        if not COMPARING.isdisjoint(text):
            return None  # "R > S in V1" is no slip in "rSr' in V1"
        near = {each.question: each for each in self._respelt(text)}
        near = near or {each.question: each for each in self._nearest(text)}
        slips = [each for each in near.values() if _may_be_slip(text, each.term)]
        if len(slips) > 1:
            refuse_ambiguous(", ".join(each.term for each in slips))
        for meant in slips:
            notes += [*meant.notes, read_as(meant.term)]
            return meant.question
        return None

    def _respelt(self, text: str) -> Iterator[_Correction]:
        """What a text names once its unknown words are spelt as words of the lexicon."""
        for corrected in self._lexicon.respelt(text):
            for form in unframed(corrected):
                notes: list[Note] = []
                listed = self._lexicon.find(form)
                named = listed.question if listed else self._unqualified(form, notes)
                if named is not None:
                    yield _Correction(named, form, notes)
                    break

    def _nearest(self, text: str) -> Iterator[_Correction]:
        """The terms that lie nearest to a text as a whole."""
        for found in self._lexicon.nearest(text):
            yield _Correction(found.question, found.corrected or "", [])


def _adjective_first(text: str) -> str:
    """The last word before the others, as in "QRS abnormal"; none of a denial is moved."""
    words = text.split()
    is_plain = len(words) > 1 and words[-1].isalpha() and not holds_negating_word(text)
    return " ".join([words[-1], *words[:-1]]) if is_plain else text


def _is_abbreviation(text: str) -> bool:
    """Whether a text is an abbreviation: another letter makes it another one."""
    return text.isupper() and text.isalnum() and len(text) <= _LONGEST_ABBREVIATION


def _may_be_slip(text: str, corrected: str) -> bool:
    """Whether a text may be a slip in another: no short word is lost, no lead is changed."""
    words, others = (frozenset(folded_words(each)) for each in (text, corrected))
    # "in I" is no slip in "in II".
    return is_slip(words, others) and {*named_leads(text)} == {*named_leads(corrected)}


def _first(questions: Iterable[Question | None]) -> Question | None:
    return next((question for question in questions if question is not None), None)
