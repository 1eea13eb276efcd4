"""Whether a mention is present, absent, uncertain, of the past, or of another ECG.

A cue governs the nearest mention on its side and those that are coordinated with it ("no LVH or
ischaemia"). It does not reach over the end of a clause, nor over more than a few words: many
reports have no punctuation, so a far-reaching scope would swallow the next finding.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

from model_training.entities.model import Mention, Status
from model_training.entities.rules.patterns import Cue

_MOST_WORDS_BETWEEN = 4
_MOST_CHARACTERS_BETWEEN = 60
_BREAK = re.compile(
    r"[.;:!?\n](?=\s|$)|,|\s-\s|\b(?:but|aber|jedoch|sonst|otherwise|now|jetzt|men|eljest)\b"
)
_FILLER = r"\s*(?:(?:an?|of|for|der|eine[rs]?|auf|acute|signs?|any)\s+){0,2}"
_CONJUNCTION = (
    r"[\s,]*(?:[/+&]|\b(?:or|nor|and|oder|noch|und|eller|och|bzw\.?|sowie|as\s+well\s+as)\b)"
)
_JOINED = re.compile(_CONJUNCTION + _FILLER)
# Machine reports set the items under one heading ("wahrscheinlich") apart by several spaces.
_JOINED_OR_LISTED = re.compile(rf"(?:{_CONJUNCTION}|\s{{2,}}){_FILLER}")
# A comma joins only in a list that ends with a conjunction: "no LVH, infarct or ischaemia".
_COMMA = re.compile(r"\s*," + _FILLER)
# If several cues govern a mention, the first of these wins.
_PRIORITY = (Status.ABSENT, Status.COMPARISON, Status.HISTORY, Status.UNCERTAIN)
_OF_ANOTHER_ECG = {Status.COMPARISON}


def assert_statuses(folded: str, mentions: Sequence[Mention], cues: Sequence[Cue]) -> list[Status]:
    """The status of each mention.

    Args:
        folded: The report.
        mentions: Without overlaps, from left to right.
        cues: From left to right.
    """
    said: list[set[Status]] = [set() for _ in mentions]
    for cue in cues:
        for index in _governed(folded, mentions, cue):
            said[index].add(cue.status)
    return [_combined(found) for found in said]


def _combined(said: set[Status]) -> Status:
    """One status of all that was said; what is called new is not of another ECG."""
    counted = said - _OF_ANOTHER_ECG if Status.PRESENT in said else said
    return next((status for status in _PRIORITY if status in counted), Status.PRESENT)


def _governed(folded: str, mentions: Sequence[Mention], cue: Cue) -> list[int]:
    if cue.before:
        nearest = bisect_left(mentions, cue.end, key=lambda mention: mention.start)
        if nearest == len(mentions) or not _is_near(folded, cue.end, mentions[nearest].start):
            return []
        indices, joined = range(nearest, len(mentions)), _JOINED_OR_LISTED
    else:
        nearest = bisect_right(mentions, cue.start, key=lambda mention: mention.end) - 1
        if nearest < 0 or not _is_near(folded, mentions[nearest].end, cue.start):
            return []
        indices, joined = range(nearest, -1, -1), _JOINED
    return [nearest, *_coordinated(folded, mentions, indices, joined)]


def _coordinated(
    folded: str, mentions: Sequence[Mention], indices: Sequence[int], joined: re.Pattern[str]
) -> list[int]:
    """Those of the indices that are coordinated with the first, which is left out."""
    sure: list[int] = []
    pending: list[int] = []
    for index, following in pairwise(indices):
        first, second = sorted((index, following))
        gap = (folded, mentions[first].end, mentions[second].start)
        if _fills(joined, *gap):
            sure += [*pending, following]
            pending = []
        elif _fills(_COMMA, *gap):
            pending.append(following)
        else:
            break
    return sure


def _fills(pattern: re.Pattern[str], folded: str, start: int, end: int) -> bool:
    return pattern.fullmatch(folded, start, end) is not None


def _is_near(folded: str, start: int, end: int) -> bool:
    if end - start > _MOST_CHARACTERS_BETWEEN or _BREAK.search(folded, start, end):
        return False
    return len(folded[start:end].split()) <= _MOST_WORDS_BETWEEN
