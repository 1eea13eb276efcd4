"""Clauses of a description and pieces of a list, and what a clause denies.

A list of leads is not cut.
"""

import re
from collections.abc import Iterator, Sequence

from ecg_core.leads import LEADS

_SEPARATORS = frozenset(",;:.()")
_LIST_MARKS = frozenset(",;.|")
_PLURAL = re.compile(r"\((?:e?s|en)\)")  # "premature beat(s)"
_JOINING = frozenset({",", "and", "und", "or", "&", "et", "y", "e", "en", "to", "bis"})
_CLAUSE_WORDS = frozenset(
    [
        "with",
        "but",
        "followed",
        "while",
        "which",
        "where",
        "although",
        "mit",
        "aber",
        "gefolgt",
        "wobei",
        "avec",
        "con",
        "met",
        "com",
    ]
)
_AND = frozenset({"and", "und"})
WAVES = frozenset({"p", "q", "r", "s", "t", "u", "st", "qs", "rs", "qr", "qrs"})
# Of two waves: no one wave is that tall.
SUM_WORDS = frozenset(
    {"plus", "+", "sum", "summe", "together", "combined", "added", "zusammen", "addiert"}
    | {"somme", "suma", "somma", "soma", "ensemble", "juntos", "insieme", "samen"}
)
_OPENING = frozenset({"without", "ohne"})  # what follows is denied, what stands before is not
_TOKEN = re.compile(
    r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:['’]|\d|(?<=\w)[-–/](?=\w)|[^\W_])*|[<>=≥≤]+|[^\w\s]"
)
LEAD_WORDS = frozenset(lead.lower() for lead in LEADS)
NEGATIONS = frozenset(
    {"no", "not", "without", "absent", "absence", "lack", "lacks"}
    | {"kein", "keine", "keinen", "ohne", "fehlend"}
)
_REACH = 4  # words that a negation reaches


def clauses(text: str) -> Iterator[str]:
    """The clauses of a text; a list of leads is not cut."""
    tokens = _TOKEN.findall(text)
    start = 0
    for place, token in enumerate(tokens):
        opens = token.lower() in _OPENING
        if opens or _ends_clause(tokens, place, token):
            if clause := " ".join(tokens[start:place]).strip():
                yield clause
            start = place if opens else place + 1
    if clause := " ".join(tokens[start:]).strip():
        yield clause


def pieces(text: str) -> Iterator[str]:
    """The pieces of a list, cut at its marks alone; a list of leads is not cut."""
    tokens = _TOKEN.findall(_PLURAL.sub("", text))
    start = 0
    for place, token in enumerate(tokens):
        if token in _LIST_MARKS and not (token in _JOINING and _between_leads(tokens, place)):
            if piece := " ".join(tokens[start:place]).strip():
                yield piece
            start = place + 1
    if piece := " ".join(tokens[start:]).strip():
        yield piece


def is_denied(words: Sequence[str], place: int) -> bool:
    """Whether a negation reaches the word at a place of a clause.

    Args:
        words: Of the clause, folded.
        place: Of the word.
    """
    return not NEGATIONS.isdisjoint(words[max(0, place - _REACH) : place])


def _ends_clause(tokens: Sequence[str], place: int, token: str) -> bool:
    if token.lower() in _CLAUSE_WORDS or _begins_wave(tokens, place):
        return True
    if token not in _SEPARATORS:
        return False
    return not (token in _JOINING and _between_leads(tokens, place))


def _begins_wave(tokens: Sequence[str], place: int) -> bool:
    """Whether an "and" joins two waves in leads of their own: "deep S in V1 and tall R in V5"."""
    if tokens[place].lower() not in _AND or _between_leads(tokens, place):
        return False
    if any(token.lower() in SUM_WORDS for token in tokens):
        return False
    sides = [tokens[:place], tokens[place + 1 :]]
    return all(
        any(t.lower() in WAVES for t in side) and any(_is_lead(t.lower()) for t in side)
        for side in sides
    )


def _between_leads(tokens: Sequence[str], place: int) -> bool:
    before = tokens[place - 1].lower() if place else ""
    after = next(
        (t.lower() for t in tokens[place + 1 : place + 3] if t.lower() not in _JOINING), ""
    )
    return _is_lead(before) and _is_lead(after)


def _is_lead(token: str) -> bool:
    parts = re.split(r"[-–/]", token)
    return parts[0] in LEAD_WORDS
