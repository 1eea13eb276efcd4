"""Wire models as responses."""

from pydantic import BaseModel
from starlette.responses import Response


def json_response(
    model: BaseModel, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """A wire model as the response; its own checks keep NaN out."""
    return Response(model.model_dump_json(), status, headers, media_type="application/json")
