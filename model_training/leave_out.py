"""Groups of conditions that a training leaves out, so that they can be asked as unseen ones."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions that one training knows nothing of.

    Attributes:
        name: Names files.
        conditions: Ids of the catalogue.
    """

    name: str
    conditions: tuple[str, ...]


GROUPS = (
    Group(
        "1",
        (
            "atrial-fibrillation",
            "complete-left-bundle-branch-block",
            "inferior-myocardial-infarction",
            "voltage-criteria-for-left-ventricular-hypertrophy",
        ),
    ),
    Group(
        "2",
        (
            "sinus-tachycardia",
            "complete-right-bundle-branch-block",
            "anteroseptal-myocardial-infarction",
            "st-depression",
        ),
    ),
    Group(
        "3",
        (
            "sinus-bradycardia",
            "left-anterior-fascicular-block",
            "left-ventricular-hypertrophy",
            "inverted-t-waves",
        ),
    ),
    Group(
        "4",
        (
            "premature-ventricular-beat",
            "first-degree-av-block",
            "non-specific-ischaemic-st-t-changes",
            "low-qrs-voltage",
        ),
    ),
)
