"""From what is said of a recording to labels: yes, no, doubt, or not said, by a stated rule.

1. A source (SCP codes, a language model, rules) says yes, no or that it is not sure. Within one
   source a yes wins over doubt, and doubt over a no.
2. A yes is a yes for every broader condition; doubt and a no are for themselves only.
3. Sources are asked in the order of their priority; where one has spoken, those below it are not
   heard. A yes is not heard either if a source above has said no to a broader condition.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ecg_core.conditions import Catalogue
from model_training.entities.model import Entity, Status

NOWHERE = -1


class Source(StrEnum):
    """Who says what a recording shows."""

    SCP = "scp"
    LLM = "llm"
    RULES = "rules"


@dataclass(frozen=True, slots=True)
class Statement:
    """What one source says of one condition.

    Attributes:
        value: Yes, no, or None for doubt.
        origin: Provenance within the source, for example `rule:lbbb` or `code:CLBBB`.
        start: Where the evidence starts in the report; `NOWHERE` if it is none.
        end: Where it ends, exclusive.
    """

    value: bool | None
    origin: str
    start: int = NOWHERE
    end: int = NOWHERE


@dataclass(frozen=True, slots=True)
class Label:
    """A label with its provenance.

    Attributes:
        value: Yes, no, or None for doubt.
        source: Who says so.
        stated: The condition that was stated; a narrower one if the label follows from that.
        statement: The statement.
    """

    value: bool | None
    source: Source
    stated: str
    statement: Statement


# What wins within one source.
_STRENGTH = {False: 0, None: 1, True: 2}
Statements = Mapping[str, Statement]
Disagreement = tuple[str, Source, Source]


def entity_statements(
    entities: Iterable[Entity], *, uncertain_is_yes: bool = False
) -> dict[str, Statement]:
    """What entities say of conditions; history and another ECG say nothing of this one.

    Args:
        entities: Of one report, by one extractor.
        uncertain_is_yes: Whether "cannot be ruled out" is a yes instead of doubt.
    """
    values = {
        Status.PRESENT: True,
        Status.UNCERTAIN: True if uncertain_is_yes else None,
        Status.ABSENT: False,
    }
    stated: dict[str, Statement] = {}
    for entity in entities:
        if entity.status not in values:
            continue
        value = values[entity.status]
        earlier = stated.get(entity.condition_id)
        if earlier is None or _STRENGTH[value] > _STRENGTH[earlier.value]:
            statement = Statement(value, entity.source, entity.start, entity.end)
            stated[entity.condition_id] = statement
    return stated


def merge(
    stated: Mapping[Source, Statements],
    priority: Iterable[Source],
    catalogue: Catalogue,
    disagreements: Counter[Disagreement] | None = None,
) -> dict[str, Label]:
    """The labels of one recording.

    Args:
        stated: What each source says, by condition id.
        priority: The sources, the first of which wins.
        catalogue: Knows the broader conditions.
        disagreements: Counts the statements that were not heard, by condition, the source that
            was heard and the one that was not; only those that say the opposite.
    """
    labels: dict[str, Label] = {}
    for source in priority:
        settled = dict(labels)
        for condition_id, statement in stated.get(source, {}).items():
            above = _heard(condition_id, statement, settled, catalogue)
            if above is None:
                labels[condition_id] = Label(statement.value, source, condition_id, statement)
            elif {above.value, statement.value} == {True, False} and disagreements is not None:
                disagreements[condition_id, above.source, source] += 1
        _affirm_broader(labels, source, catalogue)
    return labels


def _affirm_broader(labels: dict[str, Label], source: Source, catalogue: Catalogue) -> None:
    own = [(i, label) for i, label in labels.items() if label.source is source and label.value]
    for condition_id, label in own:
        for broader in catalogue.ancestors(condition_id):
            earlier = labels.get(broader.id)
            if earlier is None or (earlier.source is source and not earlier.value):
                labels[broader.id] = label


def _heard(
    condition_id: str, statement: Statement, settled: Mapping[str, Label], catalogue: Catalogue
) -> Label | None:
    """The label of a source above that the statement has to give way to."""
    if condition_id in settled:
        return settled[condition_id]
    if statement.value is not False:
        broader = (settled.get(above.id) for above in catalogue.ancestors(condition_id))
        return next((label for label in broader if label and label.value is False), None)
    return None
