"""Query strings: what a route does not know, or takes once, is refused, never passed over."""

from collections.abc import Collection
from typing import get_origin

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import Request

from ecg_core.errors import Fault, FaultCode
from service.errors import InvalidParameter


def refuse_unknown_parameters(request: Request) -> None:
    """Refuse a parameter that the request's route does not know, or that is given twice.

    Raises:
        InvalidParameter: With every fault; the caller's own text is not in it.
    """
    given = [name for name, _ in request.query_params.multi_items()]
    route = request.scope.get("route")
    if not given or not isinstance(route, APIRoute):
        return
    known = _parameters(route.dependant)
    faults = []
    if not known.keys() >= set(given):
        detail = _unknown(known)
        faults.append(Fault(FaultCode.INVALID_PARAMETER, detail))
    faults += [
        Fault(FaultCode.INVALID_PARAMETER, "given more than once", field=name)
        for name, is_list in known.items()
        if not is_list and given.count(name) > 1
    ]
    if faults:
        raise InvalidParameter(faults)


def _unknown(known: Collection[str]) -> str:
    if known:
        return f"the query string has a parameter that is none of: {', '.join(known)}"
    return "the query string is not read: what a request states goes into its body"


def _parameters(dependant: Dependant) -> dict[str, bool]:
    """The parameters of a route's query string, and whether each may be given several times."""
    found = {field.alias: _is_list(field.field_info.annotation) for field in dependant.query_params}
    for inner in dependant.dependencies:
        found |= _parameters(inner)
    return found


def _is_list(annotation: object) -> bool:
    return get_origin(annotation) in (list, tuple, set, frozenset)
