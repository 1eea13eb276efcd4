"""Groups of conditions that a training leaves out, so that they can be asked as unseen ones.

Chosen before any of them was trained without: at least five positive recordings in fold 10, of all
kinds, each group with several kinds, so that every condition is tested once and what is like it is
mostly still there to mislead. With each group goes whatever says nearly the same: every condition
whose positive recordings in folds 1 to 8 are half or more of those of the two together (Jaccard
index), as the block of the left fascicles is that of the anterior one by three quarters.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions that one training knows nothing of.

    Attributes:
        name: Names files.
        conditions: Ids of the catalogue; these are asked.
        nearly_the_same: Ids of those that are left out with them, and not asked.
    """

    name: str
    conditions: tuple[str, ...]
    nearly_the_same: tuple[str, ...]


SHARED_POSITIVES = 0.5
MIN_POSITIVES = 5  # in fold 10
GROUPS = (
    Group(
        "a",
        (
            "atrial-fibrillation",
            "premature-atrial-beat",
            "complete-left-bundle-branch-block",
            "left-ventricular-hypertrophy",
            "voltage-criteria-for-left-ventricular-hypertrophy",
            "inferior-myocardial-infarction",
            "inverted-t-waves",
        ),
        (
            "hypertrophy",
            "myocardial-infarction",
            "non-specific-ischaemic-st-t-changes",
        ),
    ),
    Group(
        "b",
        (
            "sinus-tachycardia",
            "first-degree-av-block",
            "prolonged-pr-interval",
            "left-atrial-enlargement",
            "anteroseptal-myocardial-infarction",
            "st-depression",
            "digitalis-effect",
        ),
        (
            "anterior-myocardial-infarction",
            "av-block",
        ),
    ),
    Group(
        "c",
        (
            "sinus-arrhythmia",
            "premature-ventricular-beat",
            "complete-right-bundle-branch-block",
            "left-anterior-fascicular-block",
            "q-waves-present",
            "non-diagnostic-t-wave-abnormality",
        ),
        (
            "left-fascicular-block",
            "non-ischaemic-st-t-changes",
        ),
    ),
    Group(
        "d",
        (
            "sinus-bradycardia",
            "paced-rhythm",
            "incomplete-right-bundle-branch-block",
            "lateral-myocardial-infarction",
            "non-specific-ischaemic-st-t-changes",
            "inferior-ischaemia",
            "low-amplitude-t-waves",
        ),
        ("left-ventricular-hypertrophy",),
    ),
)
