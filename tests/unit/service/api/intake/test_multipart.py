from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.api.intake.forms import Part
from service.api.intake.multipart import read_multipart
from service.errors import RequestError, UnreadableRequest, UnsupportedMediaType, UploadTooLarge

pytestmark = pytest.mark.anyio

TYPE = "multipart/form-data; boundary=line"
FORM = (
    b"--line\r\n"
    b'Content-Disposition: form-data; name="recording"; filename="a b.hea"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n"
    b"a\r\nb\x00\r\n"
    b"--line\r\n"
    b'Content-Disposition: form-data; name="queries"\r\n\r\n'
    b"Vorhofflimmern \xc3\xa4\r\n"
    b"--line--\r\n"
)


async def read(
    body: bytes, content_type: str = TYPE, *, step: int = 7, max_parts: int = 9
) -> list[Part]:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), step):
            yield body[start : start + step]

    return await read_multipart(content_type, chunks(), max_parts)


@pytest.mark.parametrize("step", [1, 7, 10_000])
async def test_parts_are_read_however_they_arrive(step: int) -> None:
    file, query = await read(FORM, step=step)
    assert (file.name, file.file_name, file.content) == ("recording", "a b.hea", b"a\r\nb\x00")
    assert (query.name, query.file_name, query.text) == ("queries", None, "Vorhofflimmern ä")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"rubbish",
        FORM[:-10],
        FORM[:60],
        FORM.replace(b"--line--", b"--line"),
        FORM.replace(b' name="queries"', b""),
        FORM.replace(b"form-data; name", b"attachment; name"),
        FORM.replace(b"Content-Disposition", b"X-Other"),
        FORM.replace(b"Content-Type", b"X" * 10_000),
    ],
    ids=lambda body: str(len(body)),
)
async def test_a_broken_form_is_refused_never_read_in_part(body: bytes) -> None:
    with pytest.raises(UnreadableRequest):
        await read(body)


@pytest.mark.parametrize("step", [1, 7, 10_000])
async def test_line_ends_before_the_form_are_passed_over(step: int) -> None:
    assert await read(b"\r\n\r\n\n" + FORM, step=step) == await read(FORM)


@pytest.mark.parametrize("step", [1, 7, 10_000])
@pytest.mark.parametrize("before", [b"\nrubbish", b"\r\nmore rubbish\r\n", b"rubbish\r\n"])
async def test_rubbish_before_the_form_is_refused_however_it_arrives(
    before: bytes, step: int
) -> None:
    with pytest.raises(UnreadableRequest):
        await read(before + FORM, step=step)


@pytest.mark.parametrize("kind", ["", "application/json", "application/x-www-form-urlencoded"])
async def test_other_content_types_are_refused(kind: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        await read(FORM, kind)


@pytest.mark.parametrize("kind", ["multipart/form-data", f"{TYPE}{'x' * 300}"])
async def test_a_missing_or_absurd_boundary_is_refused(kind: str) -> None:
    with pytest.raises(UnreadableRequest):
        await read(FORM, kind)


async def test_too_many_parts_are_refused() -> None:
    with pytest.raises(UploadTooLarge):
        await read(FORM, max_parts=1)


async def test_a_text_that_is_not_utf_8_is_refused() -> None:
    _, query = await read(FORM.replace(b"\xc3", b"\xff"))
    with pytest.raises(UnreadableRequest):
        query.text  # noqa: B018


async def test_nothing_of_a_part_shows_when_it_is_printed() -> None:
    assert repr((await read(FORM))[0]) == "Part()"


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.integers(0, len(FORM)), st.integers(1, 50))
async def test_no_body_makes_it_fail_otherwise(rubbish: bytes, place: int, step: int) -> None:
    with suppress(RequestError):
        await read(FORM[:place] + rubbish + FORM[place:], step=step)
