"""Before an app is ready, the whole line has run once; one that is broken never gets ready."""

from collections import Counter
from typing import Any

import pytest

from ecg_core.errors import InferenceFailed
from service.engine.inference.onnx import OnnxTextEncoder, OnnxTokenEncoder, OnnxTokenFusion
from tests.support.clients import ClientMaker

PARTS = [(OnnxTokenEncoder, "encode"), (OnnxTextEncoder, "embed"), (OnnxTokenFusion, "logits")]


def test_every_part_of_the_model_has_run_before_the_first_request(
    make_client: ClientMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: Counter[str] = Counter()
    for kind, name in PARTS:
        real = getattr(kind, name)

        def counted(self: Any, *args: Any, real: Any = real, name: str = name, **kw: Any) -> Any:
            ran[name] += 1
            return real(self, *args, **kw)

        monkeypatch.setattr(kind, name, counted)
    client = make_client()
    assert set(ran) == {name for _, name in PARTS}
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize(("kind", "name"), PARTS)
def test_a_part_that_fails_stops_the_start(
    make_client: ClientMaker, monkeypatch: pytest.MonkeyPatch, kind: type, name: str
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise InferenceFailed("no memory")

    monkeypatch.setattr(kind, name, fail)
    with pytest.raises(InferenceFailed):
        make_client()
