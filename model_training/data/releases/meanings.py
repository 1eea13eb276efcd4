"""What the codes of each public source mean where they are not SNOMED CT's usual ones."""

from types import MappingProxyType

from ecg_core.conditions import Catalogue
from model_training.data.releases.labels import (
    CodeSystem,
    class_system,
    conditions_of_set,
    snomed_system,
)

# Columns of exams.csv (Ribeiro et al. 2021).
CODE15_CLASSES = MappingProxyType(
    {
        "1dAVb": "first-degree-av-block",
        "RBBB": "complete-right-bundle-branch-block",
        "LBBB": "complete-left-bundle-branch-block",
        "SB": "sinus-bradycardia",
        "ST": "sinus-tachycardia",
        "AF": "atrial-fibrillation",
    }
)
# The Chapman-Shaoxing-Ningbo files, in PhysioNet's release and in the Challenge, call "ST
# extension" and "ST tilt up" by codes that mean an abnormal ST interval and ST elevation.
_CHAPMAN_MEANINGS = {"164930006": "st-elevation", "164931005": "upsloping-st-segment"}
# CPSC2018's class "Normal" became "sinus rhythm" in the Challenge; recordings with a block or an
# extrasystole have that rhythm as well, and bear no such code.
_NORMAL_AS_SINUS_RHYTHM = {"426783006": "normal-ecg"}
# Sources that mention sinus rhythm where they have little else to say.
_RHYTHM_NOW_AND_THEN = ("sinus-rhythm",)


def ptb_xl_system(catalogue: Catalogue) -> CodeSystem:
    """PTB-XL: SCP-ECG codes; who has no rhythm statement has a rhythm all the same."""
    rhythms = conditions_of_set(catalogue, "ptbxl_rhythm").values()
    return CodeSystem(catalogue.by_scp, one_of=frozenset(rhythms))


def chapman_system(catalogue: Catalogue) -> CodeSystem:
    """Chapman-Shaoxing-Ningbo: every recording is labelled with all classes of its list."""
    documented = conditions_of_set(catalogue, "csn").values()
    return snomed_system(catalogue, meanings=_CHAPMAN_MEANINGS, documented=documented)


def cpsc2018_system(catalogue: Catalogue) -> CodeSystem:
    """CPSC2018 in the Challenge's form: nine classes as SNOMED CT codes."""
    documented = conditions_of_set(catalogue, "cpsc2018").values()
    return snomed_system(catalogue, meanings=_NORMAL_AS_SINUS_RHYTHM, documented=documented)


def sparse_system(catalogue: Catalogue) -> CodeSystem:
    """CPSC2018-Extra, PTB and the like: diagnoses; the rhythm only now and then."""
    return snomed_system(catalogue, positive_only=_RHYTHM_NOW_AND_THEN)


def sph_system(catalogue: Catalogue) -> CodeSystem:
    """Shandong Provincial Hospital: AHA statement 1, "normal ECG", came as "sinus rhythm"."""
    return snomed_system(catalogue, meanings=_NORMAL_AS_SINUS_RHYTHM)


def code15_system(catalogue: Catalogue) -> CodeSystem:
    """CODE-15%: six classes, each recording labelled with all of them."""
    return class_system(catalogue, CODE15_CLASSES)
