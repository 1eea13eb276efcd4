"""`/docs`: Swagger UI from files of an installed package. Nothing is loaded from anywhere else.

The files come with `fastapi-offline`, of which only they are used. Their policy lets the page run
its own scripts and call this service, and nothing more. Without that package there is no `/docs`.
"""

from importlib.util import find_spec
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

_PACKAGE = "fastapi_offline"
_SCRIPT_FILE = "swagger-ui-bundle.js"
_STYLE_FILE = "swagger-ui.css"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'"
)
# Relative addresses: behind a proxy the service may lie under a path.
_PAGE = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>CardioQuery: the API</title>
<link rel="stylesheet" href="docs/{_STYLE_FILE}">
<link rel="icon" href="data:,">
</head>
<body>
<div id="swagger-ui"></div>
<noscript>This page needs JavaScript; the description itself is at openapi.json.</noscript>
<script src="docs/{_SCRIPT_FILE}"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null,
});
"""


def add_docs_page(app: FastAPI) -> None:
    """Add `/docs` and its files, if they are installed."""
    files = static_files()
    if files is None:
        return

    def page(_: Request) -> Response:
        return Response(_PAGE, media_type="text/html", headers={"Content-Security-Policy": _POLICY})

    def start(_: Request) -> Response:
        return Response(_START, media_type="text/javascript")

    def script(_: Request) -> Response:
        return FileResponse(files / _SCRIPT_FILE, headers=_KEPT)

    def style(_: Request) -> Response:
        return FileResponse(files / _STYLE_FILE, headers=_KEPT)

    app.router.routes += [
        Route("/docs", page, include_in_schema=False),
        Route("/docs/start.js", start, include_in_schema=False),
        Route(f"/docs/{_SCRIPT_FILE}", script, include_in_schema=False),
        Route(f"/docs/{_STYLE_FILE}", style, include_in_schema=False),
    ]


_KEPT = {"Cache-Control": "public, max-age=86400"}


def static_files() -> Path | None:
    """The folder of the page's files; None if the package is not installed."""
    found = find_spec(_PACKAGE)
    if found is None or found.origin is None:
        return None
    return Path(found.origin).parent / "static"
