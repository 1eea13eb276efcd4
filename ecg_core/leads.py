"""The twelve standard leads: names, usual spellings, and what Einthoven and Goldberger give.

Leads are ordered by name, never by their position in a file: releases differ
(MIMIC-IV-ECG stores aVF before aVL).
"""

import re
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
LIMB_LEADS = LEADS[:6]
CHEST_LEADS = LEADS[6:]

_SPELLINGS = {lead.upper(): lead for lead in LEADS} | {
    "MLI": "I",
    "MLII": "II",
    "MLIII": "III",
    "L1": "I",
    "L2": "II",
    "L3": "III",
    "DI": "I",
    "DII": "II",
    "DIII": "III",
    "D1": "I",
    "D2": "II",
    "D3": "III",
    "VR": "aVR",
    "VL": "aVL",
    "VF": "aVF",
    **{f"C{n}": f"V{n}" for n in range(1, 7)},
}
# Words around the name ("Lead II", "ECG aVR", "Ableitung V1"). A bare number after "ECG" or
# "channel" is a channel's number, not a lead's, so those need a separator and no digits.
_DECORATION = re.compile(
    r"^(?:(?:LEAD|ABLEITUNG|EINTHOVEN|GOLDBERGER|WILSON)[ _:.-]*|(?:ECG|EKG)[ _:.-]+(?=\D))+",
    re.IGNORECASE,
)

# Each limb lead from two others: I + III = II (Einthoven 1913); aVR = -(I + II)/2, aVL = I - II/2,
# aVF = II - I/2 (Goldberger 1942). All follow from any two of the six that are independent.
_IN_TERMS_OF_I_AND_II: MappingProxyType[str, tuple[float, float]] = MappingProxyType(
    {
        "I": (1.0, 0.0),
        "II": (0.0, 1.0),
        "III": (-1.0, 1.0),
        "aVR": (-0.5, -0.5),
        "aVL": (1.0, -0.5),
        "aVF": (-0.5, 1.0),
    }
)


def standard_lead_name(name: str) -> str | None:
    """The standard name of a lead given in a usual spelling ("avr", "Lead II", "C3"), or None."""
    bare = _DECORATION.sub("", name.strip()).upper()
    # "V 1", "a VR": of these no two words make another lead, as "I I" would.
    joined = "".join(bare.split()) if bare.startswith(("V", "C", "A")) else bare
    return _SPELLINGS.get(joined)


# The numbers that SCP-ECG gives leads (EN 1064, table of lead codes); ISO/IEEE 11073-10101 has them
# after "2:" or 131072, DICOM takes both.
_NUMBERED = MappingProxyType(
    {1: "I", 2: "II", 61: "III", 62: "aVR", 63: "aVL", 64: "aVF", 65: "-aVR"}
    | {number: f"V{number - 2}" for number in range(3, 10)}
    | {number: f"V{number - 8}R" for number in range(10, 16)}
    | {16: "X", 17: "Y", 18: "Z", 66: "V8", 67: "V9", 68: "V8R", 69: "V9R"}
)
# Leads that devices record beside the twelve; nothing here uses them, but they may be named.
_OTHER_LEADS = MappingProxyType(
    {
        lead.upper(): lead
        for lead in (
            *("V2R", "V3R", "V4R", "V5R", "V6R", "V7R", "V8R", "V9R", "V7", "V8", "V9"),
            *("X", "Y", "Z", "vx", "vy", "vz", "CM5", "CC5", "ML", "-aVR"),
        )
    }
)


def numbered_lead_name(number: int) -> str | None:
    """The lead with this number of SCP-ECG, one of the twelve or another; None if it has none."""
    return _NUMBERED.get(number)


def other_lead_name(name: str) -> str | None:
    """The usual name of a lead that is none of the twelve ("v4r", "Lead V7"), or None."""
    return _OTHER_LEADS.get(_DECORATION.sub("", name.strip()).upper())


def limb_lead_sources(present: tuple[str, ...]) -> tuple[str, str] | None:
    """Two independent limb leads among those present, from which the other four follow."""
    limb = [lead for lead in LIMB_LEADS if lead in present]
    return (limb[0], limb[1]) if len(limb) >= 2 else None


def derivable_leads(present: tuple[str, ...]) -> tuple[str, ...]:
    """The absent limb leads that those present determine."""
    if limb_lead_sources(present) is None:
        return ()
    return tuple(lead for lead in LIMB_LEADS if lead not in present)


def derive_limb_lead(
    lead: str, sources: tuple[str, str], samples_mv: NDArray[np.float32]
) -> NDArray[np.float32]:
    """One limb lead from two others.

    Args:
        lead: Name of the lead to derive.
        sources: Names of the two leads at hand.
        samples_mv: Their samples, shape (2, sample), in millivolts.

    Returns:
        The lead's samples in millivolts, shape (sample,).
    """
    basis = np.array([_IN_TERMS_OF_I_AND_II[source] for source in sources])
    weights = np.linalg.solve(basis.T, np.array(_IN_TERMS_OF_I_AND_II[lead]))
    return (weights @ samples_mv).astype(np.float32)
