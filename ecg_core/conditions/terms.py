"""One form for the many spellings of a clinical term.

Catalogue and query pass through the same folding, so a folding only has to be symmetric, not
beautiful: what matters is that no two conditions fall together, and loading the catalogue checks
that. Words that change the meaning ("acute", "old", "left", "incomplete") are never dropped.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

Replacement = str | Callable[[re.Match[str]], str]
Rule = tuple[re.Pattern[str], Replacement]

# The reader asks for the same few parts of a text again and again.
REMEMBERED = 4096

_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
# NFKC turns the ordinal sign into the letter o, and the ring into a combining mark.
_DEGREE_SIGNS = str.maketrans({"º": "°", "˚": "°", "ᵒ": "°"})
_APOSTROPHES = dict.fromkeys(map(ord, "'’‘`´ʼ"))
_ACCENTS = re.compile("[\u0300-\u036f]")

_ORDINALS = ("first", "second", "third")
_NUMERALS = {
    **dict.fromkeys(("1", "i", "1st", "first", "one", "erst"), 1),
    **dict.fromkeys(("2", "ii", "2nd", "second", "two", "zweit"), 2),
    **dict.fromkeys(("3", "iii", "3rd", "third", "three", "dritt"), 3),
}
_SHORT_NUMERAL = r"(1|2|3|i{1,3})"
_ORDINAL = r"(1st|2nd|3rd|first|second|third|one|two|three|1|2|3|i{1,3})"
_DEGREE = r"(?:degrees?|deg|grade|grad(?:es|ig\w*)?)"


def _degree(match: re.Match[str]) -> str:
    return f"{_ORDINALS[_NUMERALS[match[1]] - 1]} degree"


def _degree_of_av_block(match: re.Match[str]) -> str:
    return f"{_degree(match)} av block"


def _typed(word: str) -> Callable[[re.Match[str]], str]:
    return lambda match: f"{word}type {_NUMERALS[match[1]]}"


def _rules(*pairs: tuple[str, Replacement]) -> tuple[Rule, ...]:
    return tuple((re.compile(pattern), replacement) for pattern, replacement in pairs)


# Spelling: British to American, old to new German, and slips that are common in reports.
_SPELLING = _rules(
    (r"aem", "em"),
    (r"\boe(?=[ds])", "e"),
    (r"isation", "ization"),
    (r"(?<=[bcdfglmnrtv])ised\b", "ized"),
    (r"\bfibre", "fiber"),
    (r"cardie\b", "kardie"),
    (r"myocard(?!i[aou])", "myokard"),
    (r"arr?h?yth?m", "arrhythm"),
    (r"fibrill?at", "fibrillat"),
    (r"infraction", "infarction"),
    (r"sinuatrial", "sinoatrial"),
)

# Endings, word by word. Short words are abbreviations (QRS, VES) and stay as they are.
_KEPT_WHOLE = frozenset({"torsades", "pointes", "pancreas", "fqrs", "abqrs"})
_ENDINGS = _rules(
    (r"(?<=\w\w)ies$", "y"),
    (r"(?<=[a-z]x)es$", ""),
    (r"(?<=\w\w[a-z])(?<![suia])s$", ""),
    (r"(?<=\w\wia)s$", ""),
    (r"ungen$", "ung"),
    (r"(?<=systole)n$", ""),
    (r"(?<=welle)n$", ""),
    (r"(?<=zacke)n$", ""),
    (r"(?<=kardie)n$", ""),
    (r"(?<=komplex)e$", ""),
    (r"(?<=infarkt)e$", ""),
    (r"(?<=block)s$", ""),
    # German adjectives: "inkompletter", "ventrikuläre", "anteriorer", "alter".
    (r"^(\w{2,}(?:aer|ior|al|isch|lich|ig|iert|ett|akut|iv|ert))(?:e|er|en|es|em)$", r"\1"),
    (r"^(alt|akut)(?:e|er|en|es|em)$", r"\1"),
)

# Abbreviations that mean the same inside any phrase ("paroxysmal AF", "inferior wall MI").
_PHRASES = _rules(
    (r"\ba v\b", "av"),
    (r"\batrio ?ventric(?:ular|le)\b", "av"),
    (r"\b(?:ekg|electrocardiogram|elektrokardiogramm)\b", "ecg"),
    (r"\bnon ", "non"),
    (r"\b(?:af|a ?fib)\b", "atrial fibrillation"),
    (r"\b(?:afl|a ?flutter)\b", "atrial flutter"),
    (r"\b(?:vt|v ?tach)\b", "ventricular tachycardia"),
    (r"\b(?:vf|v ?fib)\b", "ventricular fibrillation"),
    (r"\bsvt\b", "supraventricular tachycardia"),
    (r"\brvr\b", "rapid ventricular response"),
    (r"\blbbb\b", "left bundle branch block"),
    (r"\brbbb\b", "right bundle branch block"),
    (r"\bbbb\b", "bundle branch block"),
    (r"\b(?:lv|left ventricle)\b", "left ventricular"),
    (r"\b(?:rv|right ventricle)\b", "right ventricular"),
    (r"\blvh\b", "left ventricular hypertrophy"),
    (r"\brvh\b", "right ventricular hypertrophy"),
    (r"\bpvc\b", "premature ventricular beat"),
    (r"\bpac\b", "premature atrial beat"),
    (r"\bpremature (\w+ )?(?:contraction|complex|depolarization)\b", r"premature \1beat"),
    (r"\bwall (?=mi\b|myocardial|infarct|ischemia|stemi)", ""),
    (r"\bmi\b", "myocardial infarction"),
    (r"(?<!myocardial )\binfarct(?:ion)?\b", "myocardial infarction"),
    (r"\bmyocardial infarct\b", "myocardial infarction"),
    # Degrees of block, and Mobitz types
    (r"\b([123]|i{1,3})avb\b", _degree_of_av_block),
    (r"\bavb ?" + _SHORT_NUMERAL + r"\b", _degree_of_av_block),
    (r"\bavb\b", "av block"),
    (r"\bbav " + _SHORT_NUMERAL + r"\b", _degree_of_av_block),
    (r"\b(erst|zweit|dritt)(?:gradig\w*|en grad(?:es?)?\b)", _degree),
    (rf"\b{_ORDINAL} {_DEGREE}\b", _degree),
    (r"\b(?:degree|grade|grad) " + _SHORT_NUMERAL + r"\b", _degree),
    (r"\bav block " + _SHORT_NUMERAL + r"\b(?!:)", _degree_of_av_block),
    (r"\bmobitz (?:typ |type )?" + _ORDINAL + r"\b", _typed("mobitz ")),
    (r"\btype? " + _ORDINAL + r"\b", _typed("")),
    (r"(?<=\d) (?:to|zu) (?=\d)", ":"),
)
_DEGREE_PHRASE = re.compile(r"\b(?:first|second|third) degree\b")

# Dropped at the start and at the end only: inside a term the same words may carry meaning.
_ARTICLE = r"(?:the|an?|this|ein(?:e[nmrs]?)?|de[rnms]|die|das)"
_LEADING_FILLER = re.compile(
    rf"""^(?:(?:{_ARTICLE}
    |(?:12\ lead\ )?ecg\ (?:show(?:ing)?|with|of|demonstrating|suggest(?:ing)?|mit|zeigt)
    |(?:12\ lead\ )?ecg\ (?:finding|feature|sign|evidence)(?:\ (?:of|for))?
    |(?:evidence|sign|finding|feature|presence|diagnosis|case)\ (?:of|for)
    |(?:patient|pt|patientin)\ (?:with|mit)
    |(?:consistent|compatible)\ with|(?:suggestive|indicative)\ of
    |(?:there\ (?:is|are)|is\ there|are\ there|show(?:ing)?)
    |(?:hinweise?|anhalt)\ (?:auf|fuer)|nachweis(?:\ (?:von|einer|eines))
    |(?:zeichen|bild)\ (?:einer|eines|fuer|von|der|des)|es\ (?:besteht|zeigt\ sich)
    )\ (?=\S))+""",
    re.VERBOSE,
)
_TRAILING_FILLER = re.compile(
    r"(?<=\S) (?:(?:on|in) (?:the |this )?ecg|im ecg|present|seen|noted|vorhanden|nachweisbar)$"
)
# No trailing filler is longer, its space and the letter before it included.
_TRAILING_CHARACTERS = 16
_BRACKETED_ENDING = re.compile(r"(?<=\w)\((?:e?s|e?n)\)")
_NOT_A_WORD = re.compile(r"(?<!\d):|:(?!\d)|[^\w:]|_")


@lru_cache(maxsize=REMEMBERED)
def fold_characters(text: str) -> str:
    """Folds compatibility forms, case, umlauts and accents; keeps punctuation.

    Args:
        text: Any text.

    Returns:
        The text in lower case, single-spaced, with ä, ö, ü, ß as ae, oe, ue, ss.
    """
    folded = unicodedata.normalize("NFKC", text.translate(_DEGREE_SIGNS)).casefold()
    folded = unicodedata.normalize("NFKC", folded).translate(_UMLAUTS).translate(_APOSTROPHES)
    folded = _ACCENTS.sub("", unicodedata.normalize("NFD", folded))
    return " ".join(unicodedata.normalize("NFC", folded).split())


@lru_cache(maxsize=REMEMBERED)
def normalise_term(text: str) -> str:
    """The one form under which every spelling of a clinical term is looked up.

    Folds case, umlauts, punctuation, British spelling, simple plurals and German adjective
    endings, degrees of block, common abbreviations inside phrases, and fillers at either end.
    Two texts with the same form mean the same; the reverse does not hold.

    Args:
        text: A term as someone wrote it, in English or German.

    Returns:
        Lower-case words with single spaces; empty only if the text holds no letter or digit.
    """
    term = _BRACKETED_ENDING.sub("", fold_characters(text)).replace("°", " degree ")
    term = _apply(_SPELLING, " ".join(_NOT_A_WORD.sub(" ", term.replace("&", " and ")).split()))
    term = " ".join(_without_ending(word) for word in term.split())
    return _without_fillers(_degree_first(_apply(_PHRASES, term)))


def _apply(rules: tuple[Rule, ...], text: str) -> str:
    for pattern, replacement in rules:
        text = pattern.sub(replacement, text)
    return text


def _without_ending(word: str) -> str:
    if len(word) < 4 or word in _KEPT_WHOLE:
        return word
    return _apply(_ENDINGS, word)


def _degree_first(term: str) -> str:
    """Moves the degree to the front: "AV block, first degree" is "first-degree AV block"."""
    match = _DEGREE_PHRASE.search(term)
    if match is None or match.start() == 0:
        return term
    rest = f"{term[: match.start()]} {term[match.end() :]}".split()
    return " ".join([match[0], *rest])


def _without_fillers(term: str) -> str:
    term = _LEADING_FILLER.sub("", term)
    end = len(term)
    while found := _TRAILING_FILLER.search(term, max(0, end - _TRAILING_CHARACTERS), end):
        end = found.start()
    return term[:end]
