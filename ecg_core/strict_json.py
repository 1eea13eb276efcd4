"""JSON as its standard has it; Python's own reader lets more through."""

import json
import math
from typing import Any, NoReturn


def parse_json(body: bytes) -> Any:
    """A document without NaN, Infinity or numbers beyond range, without a name twice, in UTF-8.

    Raises:
        ValueError: It is not one.
    """
    try:
        return json.loads(
            body.decode(),
            parse_constant=_refuse_constant,
            parse_float=_finite,
            object_pairs_hook=_unique_names,
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("not a number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("beyond the range of numbers")
    return number


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) < len(pairs):
        raise ValueError("a name twice")
    return names
