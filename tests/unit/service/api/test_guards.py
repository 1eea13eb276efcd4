import pytest
from fastapi import APIRouter
from starlette.routing import Route

from service.access.keys import Scope
from service.api.guards import Guard, guards_of, needs, open_to_all
from service.errors import UnguardedRoute


async def nothing() -> None:
    pass


def test_guards_are_told_by_path_and_method() -> None:
    router = APIRouter(prefix="/a")
    router.add_api_route("/b", nothing, methods=["POST"], dependencies=[needs(Scope.DIAGNOSE)])
    router.add_api_route("/c", nothing, dependencies=[open_to_all()])
    assert guards_of((router,)) == {
        ("/a/b", "POST"): Guard((Scope.DIAGNOSE,)),
        ("/a/c", "GET"): Guard(()),
    }


def test_a_route_that_says_nothing_is_refused() -> None:
    router = APIRouter()
    router.add_api_route("/forgotten", nothing)
    with pytest.raises(UnguardedRoute, match="/forgotten"):
        guards_of((router,))


def test_a_route_that_says_two_things_is_refused() -> None:
    router = APIRouter()
    router.add_api_route("/x", nothing, dependencies=[needs(Scope.ADMIN), open_to_all()])
    with pytest.raises(UnguardedRoute):
        guards_of((router,))


def test_a_route_that_cannot_be_guarded_is_refused() -> None:
    router = APIRouter()
    router.routes.append(Route("/plain", nothing))
    with pytest.raises(UnguardedRoute, match="Route"):
        guards_of((router,))
