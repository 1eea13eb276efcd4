"""The rules for reports: patterns of findings and cues of assertion, from `rules.toml`."""

import re
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ecg_core.conditions import Catalogue
from model_training.entities.model import Mention, Status
from model_training.entities.rules.folding import compile_pattern


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FindingRule(_Strict):
    """A pattern of reports and the conditions that it names.

    Attributes:
        id: Its name in the provenance.
        needs: Folded text of which a match has at least one; looking for it first is fast.
        pattern: Regular expression on folded text; see `compile_pattern`.
        conditions: What it states.
        suggests: What it only suggests: uncertain however it is worded.
    """

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    needs: tuple[str, ...] = Field(min_length=1)
    pattern: str
    conditions: tuple[str, ...] = ()
    suggests: tuple[str, ...] = ()


class CueRule(_Strict):
    """Words that change the status of mentions after or before them; `None` keeps it.

    Attributes:
        status: What it says of a mention.
        side: Whether it stands before or after that mention.
        other: What it says of the mention on its other side.
        patterns: Regular expressions on folded text.
    """

    status: Status | None = None
    side: Literal["before", "after"]
    other: Status | None = None
    patterns: tuple[str, ...]


class RuleFile(_Strict):
    """The content of `rules.toml`."""

    ignored_wordings: tuple[str, ...]
    common_words: tuple[str, ...]
    finding: tuple[FindingRule, ...]
    cue: tuple[CueRule, ...]
    territory: dict[str, str]
    territorial: tuple[FindingRule, ...]


@dataclass(frozen=True, slots=True)
class Cue:
    """An occurrence of a cue; `before` if it stands before what it is about."""

    start: int
    end: int
    status: Status
    before: bool


_Compiled = tuple[re.Pattern[str], tuple[tuple[str, Status], ...], str]


class Findings:
    """The compiled finding rules."""

    def __init__(self, file: RuleFile, catalogue: Catalogue) -> None:
        """Compiles the rules.

        Raises:
            KeyError: A rule names a condition that the catalogue does not have.
            re.error: A pattern is not a regular expression.
        """
        self._rules: dict[tuple[str, ...], list[_Compiled]] = defaultdict(list)
        for rule in (*file.finding, *_expanded(file)):
            stated = [(catalogue.get(i).id, Status.PRESENT) for i in rule.conditions]
            hinted = [(catalogue.get(i).id, Status.UNCERTAIN) for i in rule.suggests]
            compiled = compile_pattern(rule.pattern)
            entry = (compiled, (*stated, *hinted), f"rule:{rule.id}")
            self._rules[rule.needs].append(entry)

    def find(self, folded: str) -> list[Mention]:
        """All matches of all rules; they may overlap."""
        return [
            Mention(match.start(), match.end(), conditions, source)
            for needs, rules in self._rules.items()
            if any(part in folded for part in needs)
            for pattern, conditions, source in rules
            for match in pattern.finditer(folded)
        ]


def _expanded(file: RuleFile) -> list[FindingRule]:
    """One rule for each territory of the heart and each rule that has a place for it."""
    rules = []
    for rule in file.territorial:
        for name, pattern in file.territory.items():
            changes = {
                "id": f"{rule.id}-{name}",
                "pattern": rule.pattern.replace("TERRITORY", pattern),
                "conditions": tuple(i.replace("TERRITORY", name) for i in rule.conditions),
                "suggests": tuple(i.replace("TERRITORY", name) for i in rule.suggests),
            }
            rules.append(rule.model_copy(update=changes))
    return rules


class Cues:
    """The compiled cues, as one pattern: of two that start together the first in the file wins."""

    def __init__(self, file: RuleFile) -> None:
        """Compiles the cues."""
        # One group a rule, not a pattern: the engine skips alternatives by their first letter.
        self._meanings = [_meanings(rule) for rule in file.cue]
        names = (f"(?P<c{n}>{'|'.join(rule.patterns)})" for n, rule in enumerate(file.cue))
        # A cue starts where a word starts; a question mark may stand right behind one.
        self._pattern = compile_pattern(rf"(?:(?<![^\W\d_])|(?=\?))(?:{'|'.join(names)})")

    def find(self, folded: str) -> list[Cue]:
        """All cues, from left to right, without overlaps."""
        found = []
        for match in self._pattern.finditer(folded):
            for status, before in self._meanings[int((match.lastgroup or "c0")[1:])]:
                found.append(Cue(match.start(), match.end(), status, before))
        return found


def _meanings(rule: CueRule) -> list[tuple[Status, bool]]:
    before = rule.side == "before"
    sides = ((rule.status, before), (rule.other, not before))
    return [(status, is_before) for status, is_before in sides if status is not None]


@cache
def load_rules() -> RuleFile:
    """The rules that ship with this package."""
    data = resources.files(__package__).joinpath("rules.toml").read_bytes()
    return RuleFile.model_validate(tomllib.loads(data.decode("utf-8")))
