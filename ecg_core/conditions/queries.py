"""What a free-text query asks for: a condition of the catalogue or a free term, plain or negated.

The line through it: the text is checked as it stands, then looked up whole (some findings have a
negation in their name, "absent R-wave progression"), then without words of doubt, then read as a
negation. Anything else that holds a negating word is refused. No message repeats the query: it
may hold patient data.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ecg_core.conditions.catalogue import Catalogue, Condition
from ecg_core.conditions.negation import (
    asks_to_rule_out,
    holds_list,
    holds_negating_symbol,
    holds_negating_word,
    links_several,
    may_describe_finding,
    names_something,
    negated_terms,
    plainer_forms,
    terms_after_prefix,
)
from ecg_core.conditions.terms import fold_characters
from ecg_core.errors import Fault, FaultCode, InvalidQuery

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Invisible, though Unicode counts them as letters, marks or symbols.
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
_LAST_LATIN_LETTER = "\u024f"
_GREEK_IN_USE = frozenset("αβγδεθλμπστω")
_LONGEST_TERM_WORDS = 8
# In a row; the bound of Unicode's Stream-Safe Text Format (UAX 15).
_MOST_MARKS = 30

UNCLEAR_NEGATION = Fault(
    FaultCode.QUERY_NEGATION_UNCLEAR,
    "It is not clear what the query negates; ask for one condition, as 'atrial fibrillation' or "
    "'no atrial fibrillation'.",
)
_NO_TERM = Fault(
    FaultCode.QUERY_NOT_UNDERSTOOD, "The query names no condition; ask for one by name."
)


@dataclass(frozen=True, slots=True)
class Query:
    """A query, understood.

    Attributes:
        text: As it was asked, trimmed and in Unicode's composed form.
        term: What is asked for, without words of negation and doubt; readable.
        condition: The catalogue's condition; None if the term is free text, to be embedded.
        negated: Whether the query asks for the absence: the answer is the complement.
    """

    text: str
    term: str
    condition: Condition | None
    negated: bool


def understand_query(text: str, catalogue: Catalogue, *, max_characters: int = 300) -> Query:
    """Understands a free-text query.

    "Rule out X" and "X?" ask for X: words of doubt neither negate nor change what is scored.

    Args:
        text: One condition in English or German, in any usual spelling.
        catalogue: The conditions to look it up among.
        max_characters: The longest text that is read, in characters.

    Returns:
        What the query asks for.

    Raises:
        InvalidQuery: It cannot be asked, or might be answered the wrong way round.
    """
    trimmed = text.strip()
    if faults := tuple(text_faults(trimmed, max_characters)):
        raise InvalidQuery(faults)
    asked = unicodedata.normalize("NFC", trimmed)
    if holds_negating_symbol(asked):
        raise InvalidQuery([UNCLEAR_NEGATION])
    return _understand_phrase(asked, catalogue)


def text_faults(text: str, max_characters: int) -> Iterator[Fault]:
    """What is wrong with the text as such; its meaning is not looked at."""
    if not text:
        yield Fault(FaultCode.EMPTY_QUERY, "The query is empty; name a condition.")
        return
    too_long = len(text) > max_characters
    if too_long:
        yield Fault(
            FaultCode.QUERY_TOO_LONG,
            f"The query is longer than {max_characters} characters; name one condition.",
        )
    if _BLANK.search(text) or any(unicodedata.category(c) in _HIDDEN_CATEGORIES for c in set(text)):
        yield Fault(
            FaultCode.QUERY_CONTROL_CHARACTERS,
            "The query holds control characters, line breaks or invisible characters.",
        )
    # Composing a run of combining marks takes time quadratic in its length.
    if _stacks_marks(text):
        yield Fault(
            FaultCode.QUERY_NOT_UNDERSTOOD, "The query stacks more marks on a letter than are read."
        )
    elif not too_long:
        yield from _faults_of_script(fold_characters(text))


def _stacks_marks(text: str) -> bool:
    run = 0
    for character in text:
        run = run + 1 if unicodedata.combining(character) else 0
        if run > _MOST_MARKS:
            return True
    return False


def _faults_of_script(folded: str) -> Iterator[Fault]:
    if not any(character.isalnum() for character in folded):
        yield _NO_TERM
    elif not all(_is_readable(character) for character in folded if character.isalpha()):
        # A negation in a script that is not read would go unnoticed.
        yield Fault(
            FaultCode.QUERY_NOT_UNDERSTOOD,
            "Queries are read in English and German, in Latin script.",
        )


def _is_readable(letter: str) -> bool:
    return letter <= _LAST_LATIN_LETTER or letter in _GREEK_IN_USE


def _understand_phrase(asked: str, catalogue: Catalogue) -> Query:
    plain = _plain_term(asked, catalogue)
    if not names_something(plain):
        raise InvalidQuery([_NO_TERM])
    if _is_listed(plain, catalogue):
        return Query(asked, plain, _look_up(plain, catalogue), negated=False)
    negated = [term for form in plainer_forms(asked) for term in negated_terms(form)]
    if negated:
        return _understand_negation(asked, negated, catalogue)
    if _may_negate(plain, catalogue):
        raise InvalidQuery([UNCLEAR_NEGATION])
    return Query(asked, plain, None, negated=False)


def _understand_negation(asked: str, negated: Sequence[str], catalogue: Catalogue) -> Query:
    terms = [_plain_term(term, catalogue) for term in negated]
    term = next((term for term in terms if _is_listed(term, catalogue)), terms[-1])
    condition = _look_up(term, catalogue)
    forms = tuple(plainer_forms(asked))
    if any(asks_to_rule_out(form) for form in forms) or not names_something(term):
        raise InvalidQuery([UNCLEAR_NEGATION])
    if condition is None and may_describe_finding(forms[-1]):
        raise InvalidQuery([UNCLEAR_NEGATION])
    if not _is_one_finding(term, condition, catalogue):
        raise InvalidQuery([UNCLEAR_NEGATION])
    return Query(asked, term, condition, negated=True)


def _plain_term(text: str, catalogue: Catalogue) -> str:
    """The longest form of the text that the catalogue lists, else its plainest form."""
    forms = tuple(plainer_forms(text))
    return next((form for form in forms if _is_listed(form, catalogue)), forms[-1])


def _is_one_finding(term: str, condition: Condition | None, catalogue: Catalogue) -> bool:
    """Whether a negation of the term can only mean all of it."""
    if condition is not None:
        wordings = {fold_characters(wording) for wording in condition.wordings}
        return not holds_list(term) or fold_characters(term) in wordings
    if holds_list(term) or links_several(term) or _may_negate(term, catalogue):
        return False
    return not _names_several(term, catalogue)


def _names_several(term: str, catalogue: Catalogue) -> bool:
    """Whether two conditions stand side by side in the term."""
    words, start, found = term.split(), 0, 0
    while start < len(words) and found < 2:
        ends = range(min(len(words), start + _LONGEST_TERM_WORDS), start, -1)
        end = next((e for e in ends if _is_listed(" ".join(words[start:e]), catalogue)), None)
        found += end is not None
        start = end or start + 1
    return found > 1


def _may_negate(text: str, catalogue: Catalogue) -> bool:
    prefixed = any(_is_listed(term, catalogue) for term in terms_after_prefix(text))
    return prefixed or holds_negating_word(text)


def _is_listed(term: str, catalogue: Catalogue) -> bool:
    return catalogue.find(term) is not None or bool(catalogue.ambiguous(term))


def _look_up(term: str, catalogue: Catalogue) -> Condition | None:
    condition = catalogue.find(term)
    meanings = catalogue.ambiguous(term)
    if condition is None and meanings:
        names = ", ".join(meaning.name for meaning in meanings)
        raise InvalidQuery.of(
            FaultCode.QUERY_AMBIGUOUS, f"The term has several meanings; ask for one of: {names}."
        )
    return condition


_LATIN_TWINS = frozenset("αβγεζηικνορστυχ")
_OF_LETTERS = re.compile(r"[^\W\d_]+")


def script_faults(text: str) -> Iterator[Fault]:
    """Why a text for people may not be what it looks like: letters of a script that is not read.

    A name in Cyrillic can look like another's in Latin, and a Greek letter like a Latin one.
    """
    folded = fold_characters(text)
    readable = all(_is_readable(character) for character in folded if character.isalpha())
    if not readable or any(map(_mixes_twins, _OF_LETTERS.findall(text.lower()))):
        detail = "Names are written in Latin letters, and no word mixes Greek ones with them."
        yield Fault(FaultCode.QUERY_NOT_UNDERSTOOD, detail)


def _mixes_twins(word: str) -> bool:
    return any(letter in _LATIN_TWINS for letter in word) and any(
        letter <= _LAST_LATIN_LETTER for letter in word
    )
