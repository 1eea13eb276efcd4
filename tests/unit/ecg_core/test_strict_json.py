import pytest

from ecg_core.strict_json import parse_json


@pytest.mark.parametrize(
    "text",
    [
        "", "{", '{"a": NaN}', '{"a": Infinity}', '{"a": -Infinity}', '{"a": 1e309}',
        '{"a": 1, "a": 2}', "[" * 100_000, '{"a": 01}', "\ufeff{}",
    ],
)  # fmt: skip
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (whichever fault comes first)
        parse_json(text.encode())


def test_json_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (whichever fault comes first)
        parse_json(b'{"a": "\xff"}')


def test_json_is_read() -> None:
    assert parse_json('{"a": [1, 1.5, "ä", null, true]}'.encode()) == {
        "a": [1, 1.5, "ä", None, True]
    }
