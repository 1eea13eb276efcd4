"""Sums of two waves, as they are written out: "S in V1 + R in V5" is a Sokolow-Lyon index.

Unless they are named before a text is read, they are two amplitudes, each with a lead of its own.
"""

import re
from functools import partial

_IN = r"(?: (?:wave|zacke))?(?: (?:in|of))?(?: lead)? ?"
_BOTH = " (?:together|combined|zusammen)"
_WITH = r" ?(?P<joined>\+|plus|and|und) ?(?:the )?"


def _sum_of(one: str, other: str) -> re.Pattern[str]:
    """A sum of two waves, in either order, as it is written out."""
    # No two groups of a pattern may have one name.
    orders = (f"{one}{_WITH}{other}", f"{other}{_WITH.replace('joined', 'joined_so')}{one}")
    said = "|".join(orders)
    return re.compile(
        rf"\b(?P<sum>(?:sum|summe) (?:of|aus|von) )?(?:the )?(?:{said})\b(?P<both>{_BOTH})?"
    )


_SUMS = (
    ("sokolow lyon", _sum_of(f"s{_IN}v1", f"r{_IN}v[56](?:(?: or | oder | ?/ ?)v?6)?")),
    ("cornell", _sum_of(f"r{_IN}avl", f"s{_IN}v3")),
)


def with_named_sums(folded: str) -> str:
    """A folded text, each sum of waves in it by its name.

    Args:
        folded: Such as "s in v1 + r in v5 > 35 mm".
    """
    for name, written_out in _SUMS:
        folded = written_out.sub(partial(_name_of, name), folded)
    return folded


def _name_of(name: str, found: re.Match[str]) -> str:
    """The sum's name; two waves that are merely listed stay as they are."""
    is_listed = (found["joined"] or found["joined_so"]) in ("and", "und")
    is_sum = found["sum"] or found["both"] or not is_listed
    return name if is_sum else found[0]
