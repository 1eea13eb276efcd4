"""A report to its entities: folding, matching, assertion."""

import hashlib
from functools import cache
from importlib import resources

from ecg_core.conditions import Catalogue
from model_training.entities.model import Entity, Mention, Status
from model_training.entities.rules.assertion import assert_statuses
from model_training.entities.rules.folding import compose, fold
from model_training.entities.rules.patterns import Cues, Findings, RuleFile, load_rules
from model_training.entities.rules.wordings import WordingIndex

_SHAPE_READING = (
    "assertion.py", "extractor.py", "folding.py", "patterns.py", "rules.toml", "wordings.py",
)  # fmt: skip
MAX_CHARACTERS = 20_000  # the longest real report has a few hundred


class EntityExtractor:
    """Reads reports; everything is compiled once."""

    def __init__(self, catalogue: Catalogue, rules: RuleFile) -> None:
        """Compiles the catalogue's wordings and the rules."""
        self._findings = Findings(rules, catalogue)
        self._cues = Cues(rules)
        self._wordings = WordingIndex(catalogue, rules.ignored_wordings, rules.common_words)

    def extract(self, report: str | None) -> tuple[Entity, ...]:
        """The entities of a report, from left to right.

        Args:
            report: As it was written; what lies beyond `MAX_CHARACTERS` is not read.
        """
        if not isinstance(report, str) or not report.strip():
            return ()
        text, places = compose(report[:MAX_CHARACTERS])
        folded = fold(text)
        mentions = _without_overlaps([*self._findings.find(folded), *self._wordings.find(text)])
        statuses = assert_statuses(folded, mentions, self._cues.find(folded))
        return tuple(
            Entity(condition_id, _combined(own, status), places[mention.start],
                   places[mention.end], mention.source)
            for mention, status in zip(mentions, statuses, strict=True)
            for condition_id, own in mention.conditions
        )  # fmt: skip


def extract(report: str | None) -> tuple[Entity, ...]:
    """The entities of a report, by the shipped catalogue and rules."""
    return shipped_extractor().extract(report)


@cache
def shipped_extractor() -> EntityExtractor:
    """The extractor with the shipped catalogue and rules."""
    return EntityExtractor(Catalogue.load(), load_rules())


@cache
def rules_digest(catalogue: Catalogue) -> str:
    """SHA-256 of all that shapes what the rules read: catalogue, rules, and the code."""
    package = resources.files(__package__)
    files = [package.joinpath(name).read_bytes() for name in _SHAPE_READING]
    folding = resources.files("ecg_core.conditions").joinpath("terms.py").read_bytes()
    parts = [catalogue.digest.encode(), folding, *files]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _combined(own: Status, asserted: Status) -> Status:
    return own if asserted is Status.PRESENT else asserted


def _without_overlaps(mentions: list[Mention]) -> list[Mention]:
    """Of overlapping mentions the longest; of equal ones the first, so rules before wordings."""
    kept: list[Mention] = []
    for mention in sorted(mentions, key=lambda m: m.start - m.end):
        if all(mention.end <= other.start or mention.start >= other.end for other in kept):
            kept.append(mention)
    return sorted(kept, key=lambda m: m.start)
