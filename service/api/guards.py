"""Guards of routes. A route without one is refused before the service starts."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from starlette.requests import Request

from service.access.keys import Scope
from service.api.query_strings import refuse_unknown_parameters
from service.errors import UnguardedRoute
from service.runtime.state import service_state


@dataclass(frozen=True, slots=True)
class Guard:
    """A dependency that lets a request pass if it has any of the scopes; none: every request."""

    any_of: tuple[Scope, ...]

    async def __call__(self, request: Request) -> None:
        """Admit the request.

        Raises:
            AccessError: It may not pass.
            InvalidParameter: Its query string holds what the route does not know.
        """
        if self.any_of:
            await service_state(request.app).access.admit(request, self.any_of)
        refuse_unknown_parameters(request)


async def count_as(request: Request, total: int) -> None:
    """Let a request count as so many in all, since it costs as much as they do.

    Raises:
        RateLimited: They are more than the caller has left.
    """
    await service_state(request.app).access.count_as(request, total)


_TEXTS_PER_REQUEST = 10


def cost(recordings: int, texts: int) -> int:
    """As how many requests a question counts: its recordings, and what its texts cost beside.

    A text that was not asked before takes some milliseconds to understand and to embed, about a
    tenth of a diagnosis.
    """
    return max(1, recordings) + texts // _TEXTS_PER_REQUEST


def needs(*any_of: Scope) -> Any:
    """For a route's `dependencies`: a key with any of these scopes."""
    return Depends(Guard(any_of))


def open_to_all() -> Any:
    """For a route's `dependencies`: no key."""
    return Depends(Guard(()))


def guard_of(route: APIRoute) -> Guard:
    """The guard of a route.

    Raises:
        UnguardedRoute: It has none, or several.
    """
    found = [each.dependency for each in route.dependencies if isinstance(each.dependency, Guard)]
    if len(found) != 1:
        raise UnguardedRoute(f"{sorted(route.methods or ())} {route.path}")
    return found[0]


def guards_of(routers: tuple[APIRouter, ...]) -> dict[tuple[str, str], Guard]:
    """The guard of each path and method.

    Raises:
        UnguardedRoute: A route has none, or is of a kind that cannot have one.
    """
    guards: dict[tuple[str, str], Guard] = {}
    for router in routers:
        for route in router.routes:
            if not isinstance(route, APIRoute):
                raise UnguardedRoute(type(route).__name__)
            guards |= {(route.path, method): guard_of(route) for method in route.methods or ()}
    return guards
