"""Descriptions: clause by clause, what is said of conditions, signs and measurements.

Nothing is guessed: a clause of which nothing is read is left as it stands, for the text encoder.
Every step looks at each word a bounded number of times.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ecg_core.conditions.catalogue import ConditionKind
from ecg_core.conditions.clauses import (
    LEAD_WORDS,
    NEGATIONS,
    SUM_WORDS,
    WAVES,
    clauses,
    is_denied,
)
from ecg_core.conditions.comparisons import read_measurement
from ecg_core.conditions.frames import is_of_severity, is_qualifier, unframed
from ecg_core.conditions.kinds import Piece
from ecg_core.conditions.lexicon import Lexicon, folded_words
from ecg_core.conditions.negation import holds_negating_word
from ecg_core.conditions.quantities import holds_number_of_quantity, is_number_word, is_unit
from ecg_core.conditions.question import (
    Described,
    KnownCondition,
    Measured,
    Not,
    Question,
    Sign,
    Weighted,
    all_of,
    denied,
    described,
    leaves,
)
from ecg_core.conditions.regions import FEATURES, named_leads, region_words, signs_in_leads
from ecg_core.conditions.scope import is_function_word
from ecg_core.conditions.sign_words import beginnings_said, signs_said
from ecg_core.conditions.terms import fold_characters

_NAMED_WEIGHT = 3.0  # a condition that a description names counts more than a feature of it
_WEIGHT = 1.0
_HEDGED_WEIGHT = 0.5

_BRACKETS = re.compile(r"\s*\([^()]{0,40}\)$")  # "left bundle branch block (LBBB)"
_HEDGES = frozenset(
    {"may", "might", "can", "could", "often", "sometimes", "usually", "occasionally"}
    | {"possibly", "probably", "typically", "commonly", "frequently"}
    | {"manchmal", "haeufig", "oft", "kann", "koennen", "meist", "moeglich"}
)
# A clause that holds one of these speaks of what it is not.
_ASIDE = frozenset(
    {"unlike", "mimic", "mimics", "mimicking", "distinguish", "distinguished", "differential"}
    | {"differentiate", "versus", "vs", "rather", "resemble", "resembles", "imitate", "imitates"}
    | {"confused", "unterscheiden"}
)
# Of the paper: "QRS more than 3 small boxes" speaks of no small QRS.
_BOXES = frozenset(["box", "boxes", "square", "squares", "kaestchen"])
# "RBBB-like" is no RBBB.
_LOOSELY = frozenset(["like", "near", "nearly", "almost", "quasi", "beinahe", "artig"])
# Words of everyday that are abbreviations in capitals: "als VHF zu werten" asks for no ALS.
_EVERYDAY = re.compile(
    r"\b(?:als|es|fa|ear|pat)\b"
    r"|\bmi(?= (?:coraz|ritmo|pulso|pecho|marido|mujer|padre|madre|hij|espos|abuel|ecg|electro))"
)
# What signs in leads are called of which a limit is asked.
_SIGNS_OF = MappingProxyType(
    {
        "st_elevation": "ST elevation",
        "st_depression": "ST depression",
        "t_inversion": "inverted T waves",
        "q_amplitude": "pathological Q waves",
    }
)
# "AV block II": the numeral is no lead.
_OF_A_GRADE = re.compile(r"\b(?:block|mobitz|bav|avb|type?|grade?|degree)\s+i{1,3}\b")
# Conditions that are features themselves, wherever they are.
_GENERAL = frozenset(
    {"st-elevation", "st-depression", "inverted-t-waves", "low-amplitude-t-waves"}
    | {"q-waves-present", "abnormal-q-wave"}
)
# Signs that say themselves that something is not there.
_DENYING = frozenset(
    Sign(name)
    for name in (
        "no P waves",
        "broad notched R wave without q in I, aVL, V5 and V6",
        "missing or very small R waves in V1 to V4",
        "isoelectric ST segments",
        "a pause of more than 2 s",
        "an early wide QRS complex",
    )
)
# "Opposite" is a word of this sign, and elsewhere negates.
_OPPOSED = Sign("ST segments and T waves opposite to the QRS complex")
_OPPOSITE = frozenset({"opposite", "opposed"})
_ALL_OF_THEM = frozenset({"both", "all", "either", "these", "those", "them", "beide", "beides"})


@dataclass(frozen=True, slots=True)
class Description:
    """A description, read.

    Attributes:
        question: What was read, and what was not.
        has_unread_number: Whether a quantity and a number stand in it that were not understood.
        has_unread_negation: Whether a condition is named in a clause that negates something else,
            or a clause denies what another one says.
    """

    question: Described
    has_unread_number: bool
    has_unread_negation: bool


def read_description(text: str, lexicon: Lexicon) -> Description:
    """Read what a text says, clause by clause."""
    parts: list[Weighted] = []
    unread: list[str] = []
    has_unread_number = has_unread_negation = False
    said = list(clauses(text))
    for clause in said:
        found = list(_parts(clause, lexicon))
        if _holds_unread_negation(clause, found):
            has_unread_negation |= any(isinstance(p.part, KnownCondition) for p in found)
            found = []
        parts += found
        if not found:
            has_unread_negation |= _denies_others(clause)
            unread.append(clause)
            has_unread_number |= holds_number_of_quantity(clause)
        elif rest := " ".join(_unread_words(clause, lexicon, found)):
            unread.append(rest)
    if holds_negating_word(text) and not any(map(holds_negating_word, said)):
        has_unread_negation |= bool(parts)  # "anything but" is no clause's
    question = described(text, parts, "; ".join(unread))
    return Description(question, has_unread_number, has_unread_negation)


def _holds_unread_negation(clause: str, found: Sequence[Weighted]) -> bool:
    """Whether a clause negates something that none of its parts denies."""
    if not holds_negating_word(clause):
        return False
    words = fold_characters(clause).split()
    is_opposed = any(each.part == _OPPOSED for each in found)
    read = NEGATIONS | _OPPOSITE if is_opposed else NEGATIONS
    if holds_negating_word(" ".join(word for word in words if word not in read)):
        return True
    if is_opposed and NEGATIONS.isdisjoint(words):
        return False
    return not any(isinstance(each.part, Not) or each.part in _DENYING for each in found)


def _denies_others(clause: str) -> bool:
    """Whether a clause only denies what others say: "AF: no", "AF or LBBB but not both"."""
    words = fold_characters(clause).split()
    named = [w for w in words if not (holds_negating_word(w) or is_function_word(w))]
    return holds_negating_word(clause) and {*named} <= _ALL_OF_THEM


def read_piece(text: str, lexicon: Lexicon) -> Piece:
    """What a piece of a list names, as a whole or clause by clause."""
    bare_forms = (form for bare in unframed(text) for form in (bare, _BRACKETS.sub("", bare)))
    found = next((f for form in bare_forms if (f := lexicon.find(form)) is not None), None)
    whole = None if found is None else found.question
    if whole is None:
        parts = {each.part for each in read_description(text, lexicon).question.parts}
    else:
        parts = {whole}
    held = {p.id for p in parts if isinstance(p, KnownCondition) and lexicon.catalogue.has(p.id)}
    denies = any(isinstance(part, Not) for part in parts)
    return Piece(
        whole.id if isinstance(whole, KnownCondition) and held else None,
        frozenset(held),
        denies or (bool(parts) and not held),
    )


def _parts(clause: str, lexicon: Lexicon) -> Iterator[Weighted]:
    words = set(fold_characters(clause).split())
    counts_boxes = words & _BOXES and any(w.isdigit() or is_number_word(w) for w in words - _BOXES)
    if words & _ASIDE or counts_boxes:
        return
    weight = _HEDGED_WEIGHT if words & _HEDGES else _WEIGHT
    whole = lexicon.find(clause)
    if whole is not None:
        yield _weighted(whole.question, weight, lexicon)
        return
    measured = read_measurement(clause)
    if measured is None and not words & (NEGATIONS | SUM_WORDS):
        measured = read_measurement(clause, lenient=True)
    if measured is not None:
        yield Weighted(measured, weight)
    # What has a limit in leads is not asked for again without it.
    limited = {leaf.quantity for leaf in _limits_in_leads(measured)}
    again = tuple(_SIGNS_OF[quantity] for quantity in limited if quantity in _SIGNS_OF)
    in_leads = tuple(part for part in _in_leads(clause) if not _begins_with(part, again))
    has_leads = bool(limited or in_leads)
    named = tuple(p for p in _named(clause, lexicon) if not has_leads or not _is_general(p))
    for part in dict.fromkeys((*in_leads, *named, *signs_said(clause))):
        if not _is_of_other_leads(part, clause):
            yield _weighted(part, weight, lexicon)


def _limits_in_leads(measured: Question | None) -> Iterator[Measured]:
    for leaf in () if measured is None else leaves(measured):
        if isinstance(leaf, Measured) and leaf.lead:
            yield leaf


def _begins_with(part: Question, beginnings: tuple[str, ...]) -> bool:
    """Whether any sign that a part asks for or denies is called so."""
    inner = part.part if isinstance(part, Not) else part
    signs = (leaf for leaf in leaves(inner) if isinstance(leaf, Sign))
    return any(sign.name.startswith(beginnings) for sign in signs)


def _is_of_other_leads(part: Question, clause: str) -> bool:
    """Whether a part is a sign of other leads than all that the clause names."""
    inner = part.part if isinstance(part, Not) else part
    its_own = named_leads(inner.name) if isinstance(inner, Sign) else ()
    named = named_leads(clause)
    return bool(its_own and named) and not {*its_own} & {*named}


def has_unread_leads(text: str, question: Described, lexicon: Lexicon) -> bool:
    """Whether a text names leads of which nothing that was read of it speaks."""
    said = {*named_leads(question.unread)}
    for leaf in (leaf for each in question.parts for leaf in leaves(each.part)):
        if isinstance(leaf, Measured):
            said.add(leaf.lead or "")
        elif isinstance(leaf, Sign):
            said |= {*named_leads(leaf.name)}
        elif isinstance(leaf, KnownCondition) and lexicon.catalogue.has(leaf.id):
            said |= {*named_leads(". ".join(lexicon.catalogue.get(leaf.id).all_wordings))}
    return not {*named_leads(_OF_A_GRADE.sub(" ", fold_characters(text)))} <= said


def _weighted(part: Question, weight: float, lexicon: Lexicon) -> Weighted:
    return Weighted(part, weight * (_NAMED_WEIGHT if _is_named(part, lexicon) else 1.0))


def _is_named(part: Question, lexicon: Lexicon) -> bool:
    """Whether a part is a condition, not a mere feature that has an entry of its own."""
    if not isinstance(part, KnownCondition) or not lexicon.catalogue.has(part.id):
        return isinstance(part, KnownCondition)
    kinds = (ConditionKind.FORM, ConditionKind.AXIS)
    return lexicon.catalogue.get(part.id).kind not in kinds


def _unread_words(clause: str, lexicon: Lexicon, found: Sequence[Weighted]) -> Iterator[str]:
    """Words of a clause that nothing accounts for: no wording, no sign, no lead, no grammar."""
    if lexicon.find(clause) is not None or read_measurement(clause) is not None:
        return
    words = folded_words(clause)
    has_measurement = any(isinstance(leaf, Measured) for p in found for leaf in leaves(p.part))
    denials = NEGATIONS if any(isinstance(p.part, Not) for p in found) else frozenset[str]()
    said, accounted = tuple(beginnings_said(clause)), _feature_words(clause) | denials
    place = 0
    while place < len(words):
        wording = lexicon.phrases.at(words, place)
        if wording is not None:
            place = wording[1]
            continue
        word = words[place]
        place += 1
        is_number = any(c.isdigit() for c in word) and word not in LEAD_WORDS
        # "Two PVCs", "RBBB-like": what is named is not what is asked.
        counts = is_number_word(word) and lexicon.phrases.at(words, place) is not None
        if counts or word in _LOOSELY:
            yield word
        elif has_measurement and (is_number or is_unit(word)):
            continue
        elif is_number or not (word in accounted or word.startswith(said) or _is_small(word)):
            yield word


def _feature_words(clause: str) -> frozenset[str]:
    """The words of all features and regions, if a clause states a feature in leads."""
    if not any(True for _ in signs_in_leads(clause)):
        return frozenset()
    return region_words().union(*(feature.wave | feature.words for feature in FEATURES))


def _is_small(word: str) -> bool:
    """Whether a folded word need not be read: a wave, a lead, grammar, or how severe it is."""
    is_part = word in WAVES or word in LEAD_WORDS or is_function_word(word)
    return (is_part and not is_qualifier(word)) or is_of_severity(word)


def _is_general(part: Question) -> bool:
    """Whether a part says less than a feature in leads that stands in the same clause."""
    inner = part.part if isinstance(part, Not) else part
    if isinstance(inner, Sign):
        return inner.name.startswith(tuple(feature.sign for feature in FEATURES))
    return isinstance(inner, KnownCondition) and inner.id in _GENERAL


def _in_leads(clause: str) -> Iterator[Question]:
    words = re.findall(r"[^\W_]+", fold_characters(clause))
    for names, place in signs_in_leads(clause):
        part = all_of(map(Sign, names))
        yield denied(part) if is_denied(words, place) else part


def _named(clause: str, lexicon: Lexicon) -> Iterator[Question]:
    """The conditions and signs that a clause names, the longest wording at each word."""
    words = folded_words(_EVERYDAY.sub(" ", clause))
    place = 0
    while place < len(words):
        found = lexicon.phrases.at(words, place)
        before = words[place - 1] if place else ""
        # "Right" before "fascicular block": a wording of the left one alone.
        if found is None or lexicon.contradicts(before, found[0]):
            place += 1
            continue
        yield denied(found[0]) if is_denied(words, place) else found[0]
        place = found[1]
