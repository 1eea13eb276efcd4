"""Which form of an answer a caller asks for in `Accept`."""

from starlette.datastructures import Headers

from api_schemas import NDJSON_MEDIA_TYPE
from api_schemas.fhir import FHIR_MEDIA_TYPE


def wants_fhir(headers: Headers) -> bool:
    """Whether FHIR is named, and plain JSON is not named with a higher weight."""
    weight = _weight(headers, FHIR_MEDIA_TYPE)
    return weight > 0 and weight >= _weight(headers, "application/json")


def wants_lines(headers: Headers) -> bool:
    """Whether NDJSON is named, and not with the weight 0."""
    return _weight(headers, NDJSON_MEDIA_TYPE) > 0


def _weight(headers: Headers, media_type: str) -> float:
    """Its weight (RFC 9110, 12.4.2); 0 where it is not named. Ranges (`*/*`) name nothing."""
    ranges = ",".join(headers.getlist("accept")).lower().replace(" ", "").split(",")
    weights = [_quality(options) for name, *options in (r.split(";") for r in ranges)
               if name == media_type]  # fmt: skip
    return max(weights, default=0.0)


def _quality(options: list[str]) -> float:
    stated = next((option[2:] for option in options if option.startswith("q=")), "1")
    try:
        return float(stated)
    except ValueError:
        return 1.0
