"""What the page at `/docs` sends, by its own script in a real browser."""

from collections.abc import Iterator
from shutil import which

import pytest

from tests.support.server import Server

sync_api = pytest.importorskip("playwright.sync_api")
_CHROMIUM = which("chromium")

# Builds the request as the page's "Execute" does, and reads what the browser would send of it.
_REQUEST = """async () => {
  const spec = await (await fetch("openapi.json")).json();
  const { path, operation } = Object.entries(spec.paths)
    .map(([path, item]) => ({ path, operation: item.post }))
    .find(({ path }) => path === "/diagnose");
  const page = SwaggerUIBundle({ spec, dom_id: "#swagger-ui" });
  const built = page.fn.buildRequest({
    spec,
    operationId: operation.operationId,
    requestContentType: "multipart/form-data",
    requestBody: {
      queries: ["atrial fibrillation", "LBBB"],
      recording: [new File(["a"], "a.hea"), new File(["b"], "a.dat")],
    },
  });
  const parts = built.body instanceof FormData ? [...built.body.entries()]
    : Object.entries(built.form ?? {});
  return parts.map(([name, value]) => [name, value instanceof File ? value.name : String(value)]);
}"""


@pytest.fixture
def page(server: Server) -> Iterator["sync_api.Page"]:
    if _CHROMIUM is None:
        pytest.skip("no chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        opened = browser.new_page()
        opened.goto(f"{server.url}/docs")
        yield opened
        browser.close()


def test_two_queries_and_two_files_travel_as_two_parts_each(page: "sync_api.Page") -> None:
    assert page.evaluate(_REQUEST) == [
        ["queries", "atrial fibrillation"],
        ["queries", "LBBB"],
        ["recording", "a.hea"],
        ["recording", "a.dat"],
    ]
