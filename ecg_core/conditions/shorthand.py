"""Shorthand of hospital texts, written out before anything of a text is read."""

import re


def _any_case(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_WRITTEN_OUT = (
    (_any_case(r"\bw\s?/\s?o\b"), "without"),
    (_any_case(r"\bw\s?/\s?(?=\w)"), "with "),
    (_any_case(r"\bs\s?/\s?p\b"), "status post"),
    (_any_case(r"\bh\s?/\s?o\b"), "history of"),
    (_any_case(r"\bc\s?/\s?w\b"), "consistent with"),
    (_any_case(r"\bz\.\s?n\.?(?=\s)"), "Zustand nach"),
    (re.compile(r"\bZn(?=\s)"), "Zustand nach"),
    (_any_case(r"\bu\.(?=\s)"), "und"),
    (_any_case(r"\b(?:inkompl|ink|unvollst)\.(?=\s|$)"), "inkomplett"),
    (_any_case(r"\bunvollständig(?:e[rsnm]?)?\b"), "inkomplett"),
    (_any_case(r"\bincompl\b\.?"), "incomplete"),
    (_any_case(r"\binc\b\.?(?=\s)"), "incomplete"),
    # "RSB inkomplett", "BRD incompleto": the adjective goes first, as in the catalogue.
    (_any_case(r"^([^,;]+?),? (inkomplett|incomplete)(?:e[rsnm]?)?$"), r"\2 \1"),
    (_any_case(r"\b(pas|absence|signes?|sans) d['’](?!une?\b)"), r"\1 de "),
    (_any_case(r"^neither (.+?) nor (.+)$"), r"no \1 and no \2"),
    (_any_case(r"^weder (.+?) noch (.+)$"), r"kein \1 und kein \2"),
    (_any_case(r"\blonger than (?:normal|usual)\b"), "prolonged"),
    (_any_case(r"\b(?:wider|broader) than (?:normal|usual)\b"), "widened"),
    (_any_case(r"\blänger als normal\b"), "verlängert"),
    (_any_case(r"\bbreiter als normal\b"), "verbreitert"),
    (_any_case(r"\b(?:shorter than (?:normal|usual)|kürzer als normal)\b"), "short"),
    # In capitals: "std" is as well what deviates.
    (re.compile(r"\bSTE\b"), "ST elevation"),
    (re.compile(r"\bSTD\b"), "ST depression"),
    (re.compile(r"\bTWI\b"), "T wave inversion"),
    (re.compile(r"(?<![\d.])\.(?=\d)"), "0."),
)


def written_out(text: str) -> str:
    """The text without shorthand: "LVH w/o strain" is "LVH without strain"."""
    text = " ".join(text.split())  # so that each pattern takes linear time
    for pattern, words in _WRITTEN_OUT:
        text = pattern.sub(words, text)
    return text
