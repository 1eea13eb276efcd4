"""Reports and the patterns for them in one spelling, without losing the place of a character."""

import re
import unicodedata
from collections.abc import Sequence

_MARK = re.compile("[\u0300-\u036f]")
# One character for one, so that places stay.
_LETTERS = str.maketrans("äöüåéèáàóß’`", "aouaeeaaos''")
_LOWER_GROWS = str.maketrans("İ", "I")


def compose(report: str) -> tuple[str, Sequence[int]]:
    """The report with each decomposed umlaut or accent as one character.

    Returns:
        The text, and for each of its characters (and its end) the place in the report.
    """
    if not _MARK.search(report):
        return report, range(len(report) + 1)
    letters: list[str] = []
    places: list[int] = []
    for place, letter in enumerate(report):
        if letters and _MARK.match(letter):
            letters[-1] = unicodedata.normalize("NFC", letters[-1] + letter)[0]
        else:
            letters.append(letter)
            places.append(place)
    return "".join(letters), [*places, len(report)]


def fold(text: str) -> str:
    """A text in lower case without umlauts, as long as it was."""
    return text.translate(_LOWER_GROWS).lower().translate(_LETTERS)


# A "#" is what an encoding made of "ü" in some of PTB-XL's reports.
_SPELLINGS = {"ä": "(?:ae|a)", "ö": "(?:oe|o|#)", "ü": "(?:ue|u|#)", "å": "a", "ß": "ss?"}
_UMLAUT = re.compile("[äöüåß]")


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A pattern for folded text; a space in it stands for any white space, ä for its spellings."""
    spelt = _UMLAUT.sub(lambda match: _SPELLINGS[match[0]], pattern)
    return re.compile(spelt.replace(" ?", r"\s*").replace(" ", r"\s+"))
