"""ST segments, T waves and Q waves in leads: from words to the signs of these leads."""

import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import NamedTuple

from ecg_core.conditions.terms import fold_characters
from ecg_core.leads import LEADS


class Feature(NamedTuple):
    """A feature of a wave: how signs name it, and the words that say it."""

    sign: str
    anywhere: str
    wave: frozenset[str]
    words: frozenset[str]


FEATURES = (
    Feature(
        "ST elevation",
        "ST elevation in two or more leads",
        frozenset({"st"}),
        frozenset(
            [
                "elevation",
                "elevated",
                "raised",
                "hebung",
                "streckenhebung",
                "hebungen",
                "streckenhebungen",
                "gehoben",
                "elevations",
                "elevacion",
                "elevatie",
                "sopraslivellamento",
                "supradesnivelamento",
                "sus",
            ]
        ),
    ),
    Feature(
        "ST depression",
        "ST depression in two or more leads",
        frozenset({"st"}),
        frozenset(
            [
                "depression",
                "depressed",
                "senkung",
                "streckensenkung",
                "senkungen",
                "streckensenkungen",
                "gesenkt",
                "depressions",
                "downsloping",
                "sagging",
                "scooped",
                "lowered",
                "descenso",
                "depressie",
                "sottoslivellamento",
                "infradesnivelamento",
                "sous",
            ]
        ),
    ),
    Feature(
        "inverted T waves",
        "inverted T waves in two or more leads",
        frozenset({"t"}),
        frozenset(
            [
                "inversion",
                "inverted",
                "inversions",
                "negative",
                "negativ",
                "negative",
                "negativierung",
                "negativierungen",
                "negativen",
                "invertiert",
                "invertierte",
                "upside",
                "flipped",
                "turned",
                "downward",
                "downwards",
                "umgekehrt",
                "umgekehrte",
                "inversees",
                "negatives",
                "negativas",
                "negativa",
                "negatieve",
                "invertida",
                "invertidas",
                "invertite",
            ]
        ),
    ),
    Feature(
        "flat T waves",
        "flat T waves in several leads",
        frozenset({"t"}),
        frozenset(
            [
                "flat",
                "flattened",
                "flattening",
                "low",
                "abgeflacht",
                "abgeflachte",
                "flache",
                "flach",
            ]
        ),
    ),
    Feature(
        "pathological Q waves",
        "Q waves in two or more leads",
        frozenset({"q", "qs"}),
        frozenset(
            [
                "wave",
                "waves",
                "zacke",
                "zacken",
                "complex",
                "complexes",
                "komplexe",
                "komplex",
                "pathological",
                "pathologische",
                "pathologischen",
                "qs",
            ]
        ),
    ),
)

_REGIONS = MappingProxyType(
    {
        "anteroseptal": ("V1", "V2", "V3", "V4"),
        "anterolateral": ("V3", "V4", "V5", "V6", "I", "aVL"),
        "inferolateral": ("II", "III", "aVF", "V5", "V6"),
        "high lateral": ("I", "aVL"),
        "right precordial": ("V1", "V2", "V3"),
        "left precordial": ("V4", "V5", "V6"),
        "inferior": ("II", "III", "aVF"),
        "anterior": ("V2", "V3", "V4"),
        "septal": ("V1", "V2"),
        "lateral": ("I", "aVL", "V5", "V6"),
        "vorderwand": ("V2", "V3", "V4"),
        "hinterwand": ("II", "III", "aVF"),
        "seitenwand": ("I", "aVL", "V5", "V6"),
    }
)
# As the names of signs spell them.
_NAMED = MappingProxyType(
    {
        frozenset(("II", "III", "aVF")): "inferior leads (II, III and aVF)",
        frozenset(("V1", "V2", "V3", "V4")): "anteroseptal leads (V1 to V4)",
        frozenset(("V2", "V3", "V4")): "anterior leads (V2 to V4)",
        frozenset(("V3", "V4", "V5", "V6", "I", "aVL")): (
            "anterolateral leads (V3 to V6, I and aVL)"
        ),
        frozenset(("I", "aVL", "V5", "V6")): "lateral leads (I, aVL, V5 and V6)",
        frozenset(("II", "III", "aVF", "V5", "V6")): (
            "inferolateral leads (II, III, aVF, V5 and V6)"
        ),
    }
)
_LEADS = MappingProxyType({lead.lower(): lead for lead in LEADS})
_TOKEN = re.compile(r"[^\W_]+|[-–—]")
_TO = frozenset({"-", "–", "—", "to", "bis", "through", "a"})


def region_words() -> frozenset[str]:
    """The words by which regions of leads are called."""
    return frozenset(word for name in _REGIONS for word in name.split())


def leads_in(text: str) -> tuple[str, ...]:
    """The leads that a text names: singly, as a chest range ("V1-V4"), or as a region."""
    if found := named_leads(text):
        return found
    joined = " ".join(_TOKEN.findall(fold_characters(text)))
    return next((leads for name, leads in _REGIONS.items() if name in joined), ())


def named_leads(text: str) -> tuple[str, ...]:
    """The leads that a text names singly or as a chest range."""
    tokens = _TOKEN.findall(fold_characters(text))
    found: dict[str, None] = {}
    for place, token in enumerate(tokens):
        if token in _LEADS and not (tokens[place] == "i" and _is_pronoun(tokens, place)):
            found.update(dict.fromkeys(_range_or_lead(tokens, place)))
    return tuple(found)


def signs_in_leads(text: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """The signs of ST segments, T waves and Q waves that a clause states.

    Yields:
        Names of signs that are stated together, and the place of the feature's first word.
    """
    words = _TOKEN.findall(fold_characters(text))
    leads = leads_in(text)
    for feature in FEATURES:
        places = [place for place, word in enumerate(words) if word in feature.wave]
        near = [
            place
            for place in places
            if any(word in feature.words for word in words[max(0, place - 5) : place + 5])
        ]
        names = _names(feature, leads) if near else ()
        if names:
            yield names, near[0]


def _names(feature: Feature, leads: tuple[str, ...]) -> tuple[str, ...]:
    chosen = frozenset(lead for lead in leads if lead != "aVR")
    if leads and not chosen:
        return ()  # no sign is measured in aVR alone
    if not chosen or len(chosen) > 6:
        return (feature.anywhere,)
    named = _NAMED.get(chosen)
    if named is not None:
        return (f"{feature.sign} in {named}",)
    return tuple(f"{feature.sign} in lead {lead}" for lead in LEADS if lead in chosen)


def _range_or_lead(tokens: list[str], place: int) -> tuple[str, ...]:
    first = _LEADS[tokens[place]]
    if place + 2 < len(tokens) and tokens[place + 1] in _TO:
        last = tokens[place + 2]
        last = f"v{last}" if last.isdigit() else last
        if first in LEADS[6:] and _LEADS.get(last) in LEADS[6:]:
            return LEADS[LEADS.index(first) : LEADS.index(_LEADS[last]) + 1]
    return (first,)


def _is_pronoun(tokens: list[str], place: int) -> bool:
    """Whether "I" is the speaker: neither a lead's name before it nor among other leads."""
    before = tokens[place - 1] if place else ""
    after = tokens[place + 1 : place + 3]
    joins = {"lead", "leads", "in", "and", "ableitung", "und", "or"}
    return before not in joins and not any(token in _LEADS or token in joins for token in after)
