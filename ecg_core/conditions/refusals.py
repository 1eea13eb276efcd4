"""Queries that ask for nothing that could be answered: each refusal says what to ask instead."""

import json
from typing import NoReturn

from ecg_core.conditions.lexicon import Lexicon, folded_words
from ecg_core.errors import FaultCode, InvalidQuery


def refuse_ambiguous(names: str) -> NoReturn:
    """Refuse a term of several meanings, which are named."""
    raise InvalidQuery.of(
        FaultCode.QUERY_AMBIGUOUS, f"The term has several meanings; ask for one of: {names}."
    )


def refuse_set_against(text: str, lexicon: Lexicon) -> None:
    """Refuse a text that sets conditions or leads against others: "AF versus VT", "LBBB < RBBB"."""
    words = folded_words(text)
    if any(lexicon.phrases.at(words, place) for place in range(len(words))):
        detail = "The query sets one finding against another; ask for each by itself."
        raise InvalidQuery.of(FaultCode.QUERY_NOT_UNDERSTOOD, detail)


def refuse_array(text: str) -> None:
    """Refuse a list in the form of JSON, as some libraries send several values of a field."""
    if not text.startswith("["):
        return
    try:
        array = json.loads(text)
    except (ValueError, RecursionError):
        return
    if isinstance(array, list) and len(array) > 1:
        detail = "The query is a list; ask for each entry in a query of its own."
        raise InvalidQuery.of(FaultCode.SEVERAL_CONDITIONS, detail)


def refuse_unclear_joints() -> NoReturn:
    """Refuse "AF or flutter, with LBBB" and "sinus rhythm without LBBB and RBBB"."""
    detail = "It is unclear which parts of the query belong together; ask for each by itself."
    raise InvalidQuery.of(FaultCode.QUERY_NOT_UNDERSTOOD, detail)


def refuse_without_limit() -> NoReturn:
    """Refuse "QTc" and "how long is the QT interval": which of its values would be found?"""
    detail = (
        "The query names a quantity without a limit: ask for one, as in 'QTc above 480 ms'; "
        "measured values stand in the answer's measurements."
    )
    raise InvalidQuery.of(FaultCode.QUERY_NOT_UNDERSTOOD, detail)
