"""Groups of leads that devices record, and masks drawn from them: some leads are not there."""

import torch
from torch import Tensor

from ecg_core.leads import CHEST_LEADS, LEADS, derivable_leads

LEAD_SETS: dict[str, tuple[str, ...]] = {
    "limb": LEADS[:6],
    "II": ("II",),
    "I+II": ("I", "II"),
    "V1+II": ("V1", "II"),
    "I+II+V2": ("I", "II", "V2"),
    "eight": ("I", "II", *LEADS[6:]),
    "I": ("I",),
    "chest": LEADS[6:],
}


def named_sets() -> dict[str, tuple[str, ...]]:
    """The sets of fewer leads that are told apart, with the limb leads that follow from others.

    So I and II are the limb leads, the eight independent ones are all twelve, and a limb lead that
    alone is missing is not.
    """
    sets = {f"without {lead}": tuple(x for x in LEADS if x != lead) for lead in CHEST_LEADS}
    for name, leads in LEAD_SETS.items():
        whole = tuple(x for x in LEADS if x in (*leads, *derivable_leads(leads)))
        if whole != LEADS and whole not in sets.values():
            sets[name] = whole
    return sets


def mask_of(leads: tuple[str, ...]) -> Tensor:
    """1 for the leads that are there, shape (lead,)."""
    return torch.tensor([float(lead in leads) for lead in LEADS])


_MASKS = torch.stack([mask_of(leads) for leads in LEAD_SETS.values()])


def draw_masks(count: int, share: float) -> Tensor:
    """Masks (count, lead): all leads but for a share of the rows.

    Of those half have one of `LEAD_SETS`, a quarter lack one lead, a quarter keep some by chance.
    """
    masks = torch.ones(count, len(LEADS))
    for row in torch.nonzero(torch.rand(count) < share).flatten().tolist():
        kind = float(torch.rand(()))
        if kind < 0.5:
            masks[row] = _MASKS[int(torch.randint(len(_MASKS), ()))]
        elif kind < 0.75:
            masks[row, int(torch.randint(len(LEADS), ()))] = 0
        else:
            kept = int(torch.randint(1, len(LEADS), ()))
            masks[row, torch.randperm(len(LEADS))[kept:]] = 0
    return masks
