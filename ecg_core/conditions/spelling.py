"""Spelling mistakes: the one term that a misspelt text can only mean.

The distance is that of optimal string alignment: letters wrong, missing, added or swapped with
their neighbour. A term is never taken for one that differs from it in a word of opposite meaning.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import lru_cache
from itertools import combinations, islice, product
from typing import Generic, NamedTuple, TypeVar

from rapidfuzz import process
from rapidfuzz.distance import OSA

from ecg_core.conditions.terms import REMEMBERED

Meaning = TypeVar("Meaning", bound=Hashable)

# Words (or their beginnings) of which one never stands for another; longest first where one holds
# the other.
_OPPOSITES: tuple[tuple[str, ...], ...] = (
    ("left", "right"),
    ("links", "rechts"),
    ("gauche", "droit"),
    ("izquierd", "derech"),
    ("sinistr", "destr"),
    ("linker", "rechter"),
    ("esquerd", "direit"),
    ("hypo", "hyper"),
    ("hipo", "hiper"),
    ("ipo", "iper"),
    ("brady", "tachy"),
    ("bradi", "tachi", "taqui"),
    ("anteroseptal", "anterolateral", "inferolateral", "inferoposterior"),
    ("anterior", "inferior", "posterior", "superior", "lateral", "septal"),
    ("incomplete", "complete"),
    ("inkomplett", "komplett"),
    ("incompleto", "completo"),
    ("supraventr", "ventr"),
    ("biatrial", "atrial"),
    ("nonsustained", "sustained"),
    ("irregular", "regular"),
    ("abnormal", "normal"),
    ("elevation", "depression"),
    ("hebung", "senkung"),
    ("short", "long"),
    ("verkuerz", "verlaenger"),
    ("high", "low"),
    ("hoch", "nieder"),
    ("first", "second", "third"),
    ("type1", "type2"),
    ("limb", "chest"),
    ("alpha", "beta"),
    ("acute", "old"),
    ("narrow", "broad", "wide"),
    ("clockwise", "counterclockwise"),
    ("flutter", "fibrillat"),
    ("flattern", "flimmern"),
    ("bigemin", "trigemin", "quadrigemin"),
    ("kalem", "calcem", "natrem", "magnes"),
    ("aemi", "anemi"),
    ("good", "poor"),
    ("natural", "own", "paced"),  # a pacemaker of one's own is no device
)
_LEAST_LETTERS = 6  # shorter terms lie too close to one another
_LETTERS_FOR_TWO = 13  # from this length on two mistakes are read
_LEAST_LETTERS_OF_WORD, _LETTERS_OF_WORD_FOR_TWO = 4, 10
_MOST_UNKNOWN = 3  # words
_MOST_RESPELT = 16
_SHORT = 3  # letters
_VOWELS = frozenset("aeiou")
_NUMERALS = frozenset(("i", "ii", "iii", "1", "2", "3"))  # each has its own rules
_DENYING_PREFIXES = frozenset(("un", "in", "im", "ir", "il", "a", "an", "ab", "non", "on", "dis"))


class Near(NamedTuple, Generic[Meaning]):
    """What a misspelt text may mean.

    Attributes:
        meanings: One if it can only mean that; several if it might be either.
        term: The term it comes closest to.
    """

    meanings: tuple[Meaning, ...]
    term: str


def nearest_term(key: str, terms: Mapping[str, Meaning]) -> Near[Meaning] | None:
    """The term that a misspelt one can only mean.

    Args:
        key: The term as it is looked up, without spaces.
        terms: What each term means.

    Returns:
        None if no term is near. With one mistake, any other meaning has to be further away; with
        two, further away by two.
    """
    if len(key) < _LEAST_LETTERS:
        return None
    allowed = 2 if len(key) >= _LETTERS_FOR_TWO else 1
    found = process.extract(
        key, terms.keys(), scorer=OSA.distance, score_cutoff=allowed + 2, limit=None
    )
    near = [(int(distance), term) for term, distance, _ in found if _same_digits(key, term)]
    if not near or min(near)[0] > allowed:
        return None
    least, term = min(near)
    margin = 1 if least == 1 else 2
    rivals = {terms[t] for d, t in near if d < least + margin} | {terms[term]}
    if len(rivals) > 1:
        return Near(tuple(rivals), term)
    return None if contradicts(key, term) else Near((terms[term],), term)


def is_near_word(word: str, known: frozenset[str]) -> bool:
    """Whether a word that is not known lies near one that is, so that it may be a mistake."""
    is_long = len(word) >= _LEAST_LETTERS_OF_WORD and word.isalpha()
    return (
        is_long and process.extractOne(word, known, scorer=OSA.distance, score_cutoff=1) is not None
    )


def respelt(text: str, known: frozenset[str], is_word: Callable[[str], bool]) -> Iterator[str]:
    """The text with each unknown word as known words that lie near it; a few ways at most.

    Args:
        text: Folded words with single spaces.
        known: The words to take from.
        is_word: Whether a word needs no correction.
    """
    words = text.split()
    choices = [(word,) if is_word(word) else _near_words(word, known) for word in words]
    unknown = sum(choice != (word,) for choice, word in zip(choices, words, strict=True))
    if not 1 <= unknown <= _MOST_UNKNOWN or not all(choices):
        return
    yield from (" ".join(chosen) for chosen in islice(product(*choices), _MOST_RESPELT))


@lru_cache(maxsize=REMEMBERED)
def _near_words(word: str, known: frozenset[str]) -> tuple[str, ...]:
    if len(word) < _LEAST_LETTERS_OF_WORD or not word.isalpha():
        return ()
    allowed = 2 if len(word) >= _LETTERS_OF_WORD_FOR_TWO else 1
    found = process.extract(word, known, scorer=OSA.distance, score_cutoff=allowed, limit=None)
    least = min((distance for _, distance, _ in found), default=0)
    nearest = sorted(near for near, distance, _ in found if distance == least)
    # "bnormal" may be "normal" and "abnormal": then only one of the two need be listed.
    is_open = any(contradicts(one, other) for one, other in combinations(nearest, 2))
    is_open |= least > 1 and any(contradicts(word, other) for other in nearest)
    return () if is_open else tuple(nearest[:_MOST_RESPELT])


def is_slip(words: frozenset[str], corrected: frozenset[str]) -> bool:
    """Whether words may be a slip in others: no short word is lost, added or changed by it.

    One letter is a wave or a number, two or three are an abbreviation: "inverted P waves" is no
    slip in "inverted T waves", and of "SR + LBBB" not one half may go. Nor is a word without its
    prefix of denial a slip: "regelmäßig" is the opposite of "unregelmäßig".

    Args:
        words: Of what was written, folded.
        corrected: Of what it may be a slip in.
    """
    lost, added = words - corrected, corrected - words
    for some, others in ((lost, corrected), (added, words)):
        short = (word for word in some if len(word) <= _SHORT and word not in _NUMERALS)
        # "bund le" may be two halves of one word.
        if not all(_is_half(word, others) for word in short):
            return False
    pairs = ((one, other, lost - {one}) for one in lost for other in added)
    return not any(_differ_in_denial(*pair) for pair in pairs)


def _is_half(word: str, others: frozenset[str]) -> bool:
    halves = (each for each in others if len(each) > _SHORT + 1 and word in each)
    return len(word) > 1 and (any(halves) or any(_lacks_a_letter(word, each) for each in others))


def _lacks_a_letter(one: str, other: str) -> bool:
    """Whether one is the other without a letter: "wae"; "rSr'" is no word that "rS" could be."""
    shorter, longer = sorted((one, other), key=len)
    is_word = len(shorter) > 1 and not _VOWELS.isdisjoint(longer)
    return is_word and len(longer) == len(shorter) + 1 and OSA.distance(one, other) == 1


def _differ_in_denial(one: str, other: str, beside: frozenset[str]) -> bool:
    """Whether two words differ in a prefix of denial that does not stand beside, misspelt."""
    shorter, longer = sorted((one, other), key=len)
    prefix = longer.removesuffix(shorter)
    is_there = any(OSA.distance(word, prefix) <= 1 for word in beside)
    return prefix in _DENYING_PREFIXES and not is_there


def contradicts(one: str, other: str) -> bool:
    """Whether two terms hold words that differ in meaning ("left" and "right")."""
    return any(_held(one, words) != _held(other, words) for words in _held_by(one, other))


def says_opposites(text: str) -> bool:
    """Whether a folded text holds two words of which one never stands for the other."""
    return any(len(_held(text, words)) > 1 for words in _OPPOSITES)


def _held_by(one: str, other: str) -> list[tuple[str, ...]]:
    return [words for words in _OPPOSITES if _held(one, words) and _held(other, words)]


def _held(text: str, words: tuple[str, ...]) -> frozenset[str]:
    found = set()
    for word in words:
        if word in text:
            found.add(word)
            text = text.replace(word, " ")
    return frozenset(found)


def _same_digits(one: str, other: str) -> bool:
    return [c for c in one if c.isdigit()] == [c for c in other if c.isdigit()]
