"""Defaults of both clients."""

import os
from collections.abc import Mapping, Sequence
from typing import TypedDict

import httpx

from cardioquery.client.errors import InvalidServiceUrl

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_TIMEOUT_S = 60.0
PAGE_SIZE = 500


def base_url(url: str) -> str:
    """The service's URL, ending in a slash: a path in it (behind a proxy) is kept.

    Raises:
        InvalidServiceUrl: It does not begin with http:// or https:// and a host.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL()
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise InvalidServiceUrl(f"the URL has to begin with http:// or https://, as {DEFAULT_URL}")
    return url.rstrip("/") + "/"


def request_headers(headers: Mapping[str, str] | None, api_key: str | None) -> dict[str, str]:
    """The headers of every request, with the API key; by default that of the environment."""
    key = (api_key or os.environ.get("CARDIOQUERY_API_KEY", "")).strip()
    authorization = {"Authorization": f"Bearer {key}"} if key else {}
    return authorization | dict(headers or {})


class DiagnosisOptions(TypedDict, total=False):
    """The optional arguments of `Client.diagnose`, for who hands them on."""

    queries: Sequence[str]
    top_k: int | None
    sampling_rate_hz: float | None
    units: str | float | None
    lead_order: Sequence[str] | None
    allow_missing_leads: bool
