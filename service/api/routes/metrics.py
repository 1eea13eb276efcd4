"""`GET /metrics`."""

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from service.access.keys import Scope
from service.api.dependencies import TheMetrics
from service.api.guards import needs
from service.api.openapi import problems
from service.observability.metrics import CONTENT_TYPE

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    dependencies=[needs(Scope.METRICS)],
    response_class=PlainTextResponse,
    summary="Metrics for Prometheus",
    responses=problems(),
)
def metrics(collected: TheMetrics) -> Response:
    """All metrics in Prometheus' text format."""
    return Response(collected.render(), media_type=CONTENT_TYPE)
