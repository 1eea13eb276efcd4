"""What is read from a report: entities and how they are asserted."""

from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """What a report says of a condition."""

    PRESENT = "present"
    ABSENT = "absent"
    UNCERTAIN = "uncertain"
    HISTORY = "history"  # the patient once had it; an old infarct that is seen is present
    COMPARISON = "comparison"  # said of another ECG of the patient


@dataclass(frozen=True, slots=True)
class Entity:
    """One mention of a condition.

    Attributes:
        condition_id: Condition of the catalogue.
        status: What the report says of it.
        start: Where the mention starts in the report, in characters.
        end: Where it ends, exclusive.
        source: Provenance: `rule:` and the rule's id, or `wording:` and the catalogue's wording,
            or `scp:` and an SCP code that the report spells out.
    """

    condition_id: str
    status: Status
    start: int
    end: int
    source: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Mention:
    """Conditions named at one place, before it is asked how they are asserted."""

    start: int
    end: int
    conditions: tuple[tuple[str, Status], ...]
    source: str
