"""The answers of `GET /healthz` and `GET /readyz`."""

from typing import Literal

from api_schemas.base import WireModel


class Health(WireModel):
    """The process is up."""

    status: Literal["ok"] = "ok"


class Readiness(WireModel):
    """The model is loaded and warmed and the store of conditions is reachable.

    Attributes:
        status: Always `ready`; what is not ready is a problem with status 503.
        model_digest: `sha256:` and the digest of the bundle that answers.
        degraded: What does not answer, but was excluded from the question.
    """

    status: Literal["ready"] = "ready"
    model_digest: str
    degraded: tuple[Literal["store"], ...] = ()
