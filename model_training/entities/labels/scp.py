"""What SCP codes say of a recording, by the release's own list of codes."""

import ast
import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Literal

import pandas as pd

from ecg_core.conditions import Catalogue
from model_training.entities.labels.merging import Statement

Absence = Literal["no", "not_said"]
# Ends a code that is only suspected.
DOUBT = "?"
# PTB-XL's cardiologists gave diagnoses a likelihood in percent; 0 is written where none was given,
# as for rhythms and forms. Below even odds a diagnosis is no yes: see docs/train/data.md.
SURE_PERCENT = 50.0


class ScpCodes:
    """Codes to statements.

    A code is a yes; one that is only suspected is doubt. With
    `absence="no"` a code of the list that a recording lacks is a no, for two reasons not always:
    a recording without any code says nothing, and one without a rhythm code has a rhythm all the
    same, so nothing is said of its rhythm.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        codes: Collection[str],
        rhythms: Collection[str],
        absence: Absence,
    ) -> None:
        """Maps the list to the catalogue.

        Args:
            catalogue: Conditions with their codes.
            codes: All codes that the release's readers could choose from.
            rhythms: Those of them that name a rhythm.
            absence: What a code that is not there says.

        Raises:
            ValueError: Codes of the list stand for no condition; all are named.
        """
        found = {code: catalogue.by_scp(code) for code in sorted(codes)}
        if unknown := [code for code, condition in found.items() if condition is None]:
            raise ValueError(f"codes that stand for no condition: {', '.join(unknown)}")
        self._conditions = {code: c.id for code, c in found.items() if c is not None}
        self._catalogue = catalogue
        self._rhythms = frozenset(rhythms)
        self._absence = absence
        shape = repr(
            (sorted(self._conditions.items()), sorted(self._rhythms), absence, SURE_PERCENT)
        )
        self.digest = hashlib.sha256(shape.encode()).hexdigest()

    @staticmethod
    def of_release(path: Path, catalogue: Catalogue, absence: Absence) -> "ScpCodes":
        """From a release's `scp_statements.csv`.

        Raises:
            FileNotFoundError: It is not there.
            ValueError: It has no column `rhythm`, or codes that stand for no condition.
        """
        table = pd.read_csv(path, index_col=0)
        if "rhythm" not in table:
            raise ValueError(f"{path.name} has no column rhythm")
        codes = [str(code) for code in table.index]
        rhythms = [str(code) for code in table.index[table["rhythm"].fillna(0) > 0]]
        return ScpCodes(catalogue, codes, rhythms, absence)

    def statements(self, codes: Collection[str]) -> dict[str, Statement]:
        """What the codes of one recording say, by condition id.

        Raises:
            ValueError: A code is not in the release's list.
        """
        named = frozenset(map(plain_code, codes))
        if unknown := sorted(named - self._conditions.keys()):
            raise ValueError(f"codes that are not in the list: {', '.join(unknown)}")
        said = {
            self._conditions[code]: Statement(True if code in codes else None, f"code:{code}")
            for code in sorted(named)
        }
        if self._absence == "not_said" or not said:
            return said
        has_rhythm = not self._rhythms.isdisjoint(named)
        broader = {wider.id for name in said for wider in self._catalogue.ancestors(name)}
        no = {
            condition_id: Statement(False, f"no-code:{code}")
            for code, condition_id in self._conditions.items()
            if (has_rhythm or code not in self._rhythms) and condition_id not in broader
        }
        return no | said


def parse_codes(cell: object) -> frozenset[str]:
    """The codes in a cell of `ptbxl_database.csv`; none in an empty one.

    A code whose likelihood is stated and below `SURE_PERCENT` ends in `DOUBT`.

    Raises:
        ValueError: It is no dictionary of codes.
    """
    if not isinstance(cell, str) or not cell.strip():
        return frozenset()
    try:
        codes = ast.literal_eval(cell)
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError("no dictionary of codes") from error
    if not isinstance(codes, dict) or not all(
        isinstance(code, str) and isinstance(percent, int | float)
        for code, percent in codes.items()
    ):
        raise ValueError("no dictionary of codes")
    return frozenset(
        code + DOUBT if 0 < percent < SURE_PERCENT else code for code, percent in codes.items()
    )


def plain_code(code: str) -> str:
    """A code without the mark of doubt."""
    return code.removesuffix(DOUBT)
