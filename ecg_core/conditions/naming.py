"""Codes that name a condition, which are fewer than those under which it is read."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

SNOMED_CT = "http://snomed.info/sct"


@cache
def naming_codes() -> Mapping[str, str]:
    """SNOMED CT concept by condition id, where one means just this condition.

    Source: `naming_codes.toml` beside this file says which and why.
    """
    file = resources.files(__package__).joinpath("naming_codes.toml")
    codes: dict[str, str] = tomllib.loads(file.read_text("utf-8"))["snomed"]
    return MappingProxyType(codes)
