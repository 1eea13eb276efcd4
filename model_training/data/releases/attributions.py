"""Whom the public releases are owed to, and under which licence."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Attribution:
    """What a model card says of a release.

    Attributes:
        title: Name and version.
        authors: As its makers ask to be cited.
        licence: Of the recordings.
    """

    title: str
    authors: str
    licence: str


_PTB_XL = Attribution(
    "PTB-XL 1.0.3",
    "Wagner P, Strodthoff N, Bousseljot R-D, Samek W, Schaeffer T. PTB-XL, a large publicly "
    "available electrocardiography dataset. PhysioNet (2022)",
    "CC BY 4.0",
)
ATTRIBUTIONS: Mapping[str, Attribution] = MappingProxyType(
    {
        "ptb-xl": _PTB_XL,
        "ptb-xl-100": _PTB_XL,
        "ptb-xl-benchmark": _PTB_XL,
        "mimic-iv-ecg": Attribution(
            "MIMIC-IV-ECG 1.0",
            "Gow B, Pollard T, Nathanson LA, et al. MIMIC-IV-ECG: Diagnostic Electrocardiogram "
            "Matched Subset. PhysioNet (2023)",
            "ODbL 1.0",
        ),
        "challenge": Attribution(
            "PhysioNet/CinC Challenge 2021",
            "Reyna MA, Sadr N, Perez Alday EA, et al. Will two do? Varying dimensions in "
            "electrocardiography. Computing in Cardiology (2021)",
            "CC BY 4.0",
        ),
        "cpsc2018": Attribution(
            "CPSC2018",
            "Liu F, Liu C, Zhao L, et al. An open access database for evaluating the algorithms "
            "of electrocardiogram rhythm and morphology abnormality detection. JMIHI (2018)",
            "as its makers state",
        ),
        "chapman-shaoxing-ningbo": Attribution(
            "Chapman-Shaoxing-Ningbo 1.0.0",
            "Zheng J, Guo H, Chu H. A large scale 12-lead electrocardiogram database for "
            "arrhythmia study. PhysioNet (2022)",
            "CC BY 4.0",
        ),
        "code-15": Attribution(
            "CODE-15%",
            "Ribeiro AH, Paixao GMM, Lima EM, et al. CODE-15%: a large scale annotated dataset of "
            "12-lead ECGs. Zenodo (2021)",
            "CC BY 4.0",
        ),
    }
)
BENCHMARK = Attribution(
    "Label sets and splits of the MERL zero-shot benchmark",
    "Liu C, Wan Z, Ouyang C, et al. Zero-shot ECG classification with multimodal learning and "
    "test-time clinical knowledge enhancement. ICML 2024",
    "MIT",
)


def title_of(release: str) -> str:
    """How people call a release; the name in the registry if nobody said."""
    known = ATTRIBUTIONS.get(release)
    return release if known is None else known.title
