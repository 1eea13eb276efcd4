"""From a text to what it asks for: the frame off, the look-up, numbers, and/or, descriptions.

The line through it: what the catalogue lists is looked up first, whole, in ever barer forms; then
without words whose meaning is not read (they are named in a note); then misspelt; then cut at
"and" and "or"; then as a denial; at last as a description. What is no finding of an ECG, or cannot
be read, gets no answer. No note and no message repeats the text: it may hold patient data.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from ecg_core.conditions.clauses import pieces
from ecg_core.conditions.comparisons import read_measurement
from ecg_core.conditions.descriptions import (
    Description,
    has_unread_leads,
    read_description,
    read_piece,
)
from ecg_core.conditions.frames import Qualifier, is_of_severity, undenied, unframed
from ecg_core.conditions.joined import (
    SeveralConditions,
    UnclearJoints,
    contradicts_itself,
    read_joined,
)
from ecg_core.conditions.kinds import Piece, read_kinds
from ecg_core.conditions.lexicon import Lexicon, folded_words
from ecg_core.conditions.negation import (
    denies_a_denial,
    holds_negating_symbol,
    holds_negating_word,
    names_something,
    negated_terms,
    plainer_forms,
)
from ecg_core.conditions.notes import Note, not_read, qualifier_not_read
from ecg_core.conditions.quantities import (
    COMPARING,
    asks_for_value,
    compares,
    holds_limit,
    holds_number_of_quantity,
)
from ecg_core.conditions.queries import UNCLEAR_NEGATION, text_faults, understand_query
from ecg_core.conditions.question import (
    AnyOf,
    KnownCondition,
    Measured,
    Not,
    NotAnswerable,
    Question,
    Sign,
    UnanswerableReason,
    any_of,
    children,
    denied,
    described,
    leaves,
)
from ecg_core.conditions.refusals import (
    refuse_array,
    refuse_set_against,
    refuse_unclear_joints,
    refuse_without_limit,
)
from ecg_core.conditions.regions import named_leads
from ecg_core.conditions.scope import (
    EcgVocabulary,
    asks_for_more_than_an_ecg,
    is_function_word,
    names_other_things,
)
from ecg_core.conditions.shorthand import written_out
from ecg_core.conditions.terms import fold_characters
from ecg_core.conditions.whole_names import NameReader
from ecg_core.errors import FaultCode, InvalidQuery

_MAX_CHARACTERS = 300
_FEW_WORDS = 5  # where one word that is not read may be the one that matters
_SOME_OF = re.compile(
    r"(?:at least |mindestens )?(?:two|three|2|3|zwei|drei) (?:of|von)\b", re.IGNORECASE
)
_SOME_LEADS = re.compile(
    r"\b(?:any|some|one|two|three|irgend\w+|zwei|drei)\b(?:\s+\w+){0,2}?\s+(?:of|leads?|von)\b",
    re.IGNORECASE,
)
_SHORT = 3  # letters of an abbreviation that is also a word of some language


@dataclass(frozen=True, slots=True)
class Reading:
    """A text, read.

    Attributes:
        text: As it was asked, trimmed and in Unicode's composed form.
        term: The text without its frame, readable; what is put to the text encoder.
        question: What it asks for.
        notes: What of it was not read, or read with a correction.
    """

    text: str
    term: str
    question: Question
    notes: tuple[Note, ...] = ()


class QuestionReader:
    """Reads texts through a lexicon; what a text means follows from the two alone."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._names = NameReader(lexicon)
        self._vocabulary = EcgVocabulary(lexicon.catalogue)
        self._exclusive = frozenset(lexicon.catalogue.exclusive)

    def read(self, text: str, *, max_characters: int = _MAX_CHARACTERS) -> Reading:
        """What a text asks for.

        Args:
            text: One finding in any usual words.
            max_characters: The longest text that is read.

        Raises:
            InvalidQuery: It cannot be asked so: a list of conditions, a contradiction, several
                meanings, or a negation whose reach is unclear; it says what to ask instead.
        """
        trimmed = text.strip()
        refuse_array(trimmed)
        if faults := tuple(text_faults(trimmed, max_characters)):
            raise InvalidQuery(faults)
        asked = unicodedata.normalize("NFC", trimmed)
        if read_measurement(asked) is None and holds_negating_symbol(asked):
            raise InvalidQuery([UNCLEAR_NEGATION])
        forms = tuple(dict.fromkeys(_forms(written_out(asked))))
        if not names_something(forms[-1]):
            detail = "The query names no condition; ask for one by name."
            raise InvalidQuery.of(FaultCode.QUERY_NOT_UNDERSTOOD, detail)
        # "Z. n. Infarkt" is a name: nothing of it is frame or shorthand.
        is_listed = self._lexicon.find(asked) is not None
        question, notes = self._question((asked,) if is_listed else forms)
        if contradicts_itself(question, self._exclusive):
            detail = "The parts of the query exclude one another; ask for each by itself."
            raise InvalidQuery.of(FaultCode.QUERY_CONTRADICTORY, detail)
        return Reading(asked, forms[-1], question, tuple(dict.fromkeys(notes)))

    def _question(self, forms: tuple[str, ...]) -> tuple[Question, list[Note]]:
        notes: list[Note] = []
        if not COMPARING.isdisjoint(forms[0]) and not any(map(str.isdigit, forms[0])):
            refuse_set_against(forms[0], self._lexicon)  # "AF > flutter"
        named = self._names.read(forms, notes)
        if named is not None:
            return named, notes
        barest = forms[-1]
        if asks_for_more_than_an_ecg(barest):
            return NotAnswerable(UnanswerableReason.NOT_A_FINDING), notes
        if self._lexicon.is_code(barest):
            return NotAnswerable(UnanswerableReason.NOT_UNDERSTOOD), notes  # "I48.0" says more
        if _SOME_OF.match(barest):
            refuse_unclear_joints()
        if any(map(denies_a_denial, forms)):
            raise InvalidQuery([UNCLEAR_NEGATION])
        kinds = read_kinds(barest, pieces, self._piece, self._lexicon.catalogue)
        if kinds is not None:
            notes.append(not_read("whether all of the list are meant; any of them is asked for"))
            if not kinds.is_whole:
                notes.append(not_read("a part of the list"))
            return kinds.question, notes
        # "No signs of LVH or RVH" is cut as "no LVH or RVH" is.
        inner = undenied(barest)
        joined = self._joined(barest if inner is None else f"no {inner}", notes)
        if joined is not None:
            return joined, notes
        return self._denial_or_description(forms, notes), notes

    def _piece(self, text: str) -> Piece:
        return read_piece(text, self._lexicon)

    def _joined(self, text: str, notes: list[Note]) -> Question | None:
        """What parts joined by "and" and "or" ask for; None where a part cannot be read."""
        # A part of several meanings is refused only where no other cut of the text can be read.
        ambiguous: list[InvalidQuery] = []

        def read(piece: str) -> Question | None:
            try:
                return self._part(piece, notes)
            except InvalidQuery as error:
                ambiguous.append(error)
                return NotAnswerable(UnanswerableReason.NOT_UNDERSTOOD)

        def describe(piece: str) -> Question | None:
            return read(piece) or self._described_whole(piece)

        written = len(notes)
        try:
            question = read_joined(text, read, describe)
        except SeveralConditions:
            detail = "The query lists several conditions; ask for each in a query of its own."
            raise InvalidQuery.of(FaultCode.SEVERAL_CONDITIONS, detail) from None
        except UnclearJoints:
            refuse_unclear_joints()
        if question is None:
            del notes[written:]
        elif ambiguous and isinstance(question, NotAnswerable):
            raise ambiguous[0]
        elif undenied(text) is not None:
            return _denied_at_once(question)
        return question

    def _part(self, text: str, notes: list[Note]) -> Question | None:
        named = self._names.read(tuple(_forms(text)), notes)
        if named is None and names_other_things(text):
            return NotAnswerable(UnanswerableReason.NOT_A_FINDING)
        return named

    def _described_whole(self, text: str) -> Question | None:
        """What a text describes, if it is one thing and nothing is left of it."""
        read = read_description(text, self._lexicon)
        parts, unread = read.question.parts, read.question.unread
        if len(parts) != 1 or unread or read.has_unread_negation or read.has_unread_number:
            return None
        has_leads = has_unread_leads(text, read.question, self._lexicon)
        return None if has_leads else parts[0].part

    def _denial_or_description(self, forms: tuple[str, ...], notes: list[Note]) -> Question:
        barest = forms[-1]
        # "no conduction to the right ventricle" denies no finding: it is one.
        inner = undenied(barest) if holds_negating_word(barest) else None
        negated = any(negated_terms(form) for form in forms)
        if inner is not None or negated:
            # "no P waves, wide QRS" denies nothing: the first clause is a sign's name.
            signs = read_description(barest, self._lexicon)
            if _denies_nothing(signs):
                return signs.question
        if inner is not None:
            return self._denial(barest, inner, notes)
        if negated:
            query = understand_query(barest, self._lexicon.catalogue)
            if query.negated and query.condition is not None:
                return denied(KnownCondition(query.condition.id))
        return self._description(barest, notes)

    def _denial(self, text: str, inner: str, notes: list[Note]) -> Question:
        """A denial of what is not listed: no answer, or refused where its reach is unclear."""
        if names_other_things(inner):
            return NotAnswerable(UnanswerableReason.NOT_A_FINDING)
        query = understand_query(text, self._lexicon.catalogue)
        if not query.negated or query.condition is not None:
            raise InvalidQuery([UNCLEAR_NEGATION])
        return denied(self._description(query.term, notes))

    def _description(self, text: str, notes: list[Note]) -> Question:
        if asks_for_value(text):
            refuse_without_limit()
        read = read_description(text, self._lexicon)
        if not read.question.parts and (question := self._not_answerable(text)) is not None:
            return question
        if len(text.split()) <= _FEW_WORDS and self._lexicon.may_be_misspelt(read.question.unread):
            detail = "A word of the query may be misspelt; check it and ask again."
            raise InvalidQuery.of(FaultCode.QUERY_NOT_UNDERSTOOD, detail)
        if not read.question.parts:
            refuse_set_against(text, self._lexicon)
            notes.append(not_read("the text, which counts by its embedding alone"))
            return described(text, (), text)
        if self._hangs_on_an_abbreviation(text, read.question.unread):
            return NotAnswerable(UnanswerableReason.NOT_UNDERSTOOD)
        only_denies = all(isinstance(each.part, Not) for each in read.question.parts)
        if read.has_unread_negation or (only_denies and read.question.unread):
            raise InvalidQuery([UNCLEAR_NEGATION])
        self._note_unread(text, read, notes)
        is_one_part = len(read.question.parts) == 1 and not read.question.unread
        return read.question.parts[0].part if is_one_part else read.question

    def _note_unread(self, text: str, read: Description, notes: list[Note]) -> None:
        """Note what of a description was passed over."""
        self._note_comparisons(text, read, notes)
        if any(map(is_of_severity, folded_words(text))):
            notes.append(qualifier_not_read(Qualifier.SEVERITY))
        if read.has_unread_number:
            notes.append(not_read("a number"))
        if has_unread_leads(text, read.question, self._lexicon):
            notes.append(not_read("in which leads it is"))
        if read.question.unread:
            notes.append(not_read("a part of the description, which counts by its embedding"))

    def _note_comparisons(self, text: str, read: Description, notes: list[Note]) -> None:
        """Note what compares or counts and was not read; refuse "LBBB < RBBB"."""
        read_of_it = [leaf for each in read.question.parts for leaf in leaves(each.part)]
        if any(isinstance(leaf, Measured) for leaf in read_of_it):
            return
        if not COMPARING.isdisjoint(text):
            refuse_set_against(text, self._lexicon)
        signs = [leaf.name for leaf in read_of_it if isinstance(leaf, Sign)]
        if compares(text, ". ".join((*signs, read.question.unread))):
            notes.append(not_read("a comparison"))
        elif any(map(named_leads, signs)) and _SOME_LEADS.search(text):
            notes.append(not_read("in how many of the leads it is"))

    def _hangs_on_an_abbreviation(self, text: str, unread: str) -> bool:
        """Whether all that was read is one short word, and the rest speaks of no ECG.

        "ear" is an abbreviation of a rhythm, "fa" of another: not in "ear infection", "che tempo
        fa". In capitals they are meant.
        """
        left = {*fold_characters(unread).split()}
        words = [word for word in text.split() if fold_characters(word) not in left]
        read = [word for word in words if not is_function_word(fold_characters(word))]
        is_short = len(read) <= 1 and all(len(w) <= _SHORT and not w.isupper() for w in read)
        return bool(unread) and is_short and not self._vocabulary.holds_word_of(unread)

    def _not_answerable(self, text: str) -> NotAnswerable | None:
        """Why a text of which nothing was read gets no answer from the text encoder either."""
        if names_other_things(text):
            return NotAnswerable(UnanswerableReason.NOT_A_FINDING)
        if self._names.may_deny(text):
            raise InvalidQuery([UNCLEAR_NEGATION])
        has_limit = holds_number_of_quantity(text) or holds_limit(text)
        if has_limit or not self._vocabulary.holds_word_of(text):
            return NotAnswerable(UnanswerableReason.NOT_UNDERSTOOD)
        return None


def _denied_at_once(question: Question) -> Question:
    """What a text denies that opens with "no" and joins several.

    Raises:
        InvalidQuery: "No AF and LBBB": how far does "no" reach?
    """
    parts = children(question)
    plain = [part.part if isinstance(part, Not) else part for part in parts]
    denials = len(parts) - sum(part in parts for part in plain)
    if denials == len(parts):
        return question
    if isinstance(question, AnyOf) and denials == 1:
        return denied(any_of(plain))  # "no AF or flutter"
    raise InvalidQuery([UNCLEAR_NEGATION])


def _denies_nothing(read: Description) -> bool:
    parts = read.question.parts
    is_whole = bool(parts) and not read.question.unread and not read.has_unread_negation
    return is_whole and not any(isinstance(each.part, Not) for each in parts)


def _forms(text: str) -> Iterator[str]:
    """Ever barer forms of a text, without doubt, without frames."""
    plainer = tuple(plainer_forms(text))
    yield from plainer
    yield from unframed(plainer[-1])
