import hashlib
import re
from pathlib import Path
from zlib import crc32

import pytest

from service.access import keys
from service.access.keys import KEY_PATTERN, PlainKey, new_key, parse_key


def test_a_new_key_is_one_that_is_understood() -> None:
    key = new_key()
    assert parse_key(key.text) == key
    assert key.text.split("_")[1] == key.id


def test_keys_have_one_form_that_scanners_can_look_for() -> None:
    made = [new_key().text for _ in range(200)]
    assert len(set(made)) == 200
    assert {len(text) for text in made} == {62}
    assert all(re.fullmatch(KEY_PATTERN, text) for text in made)


def test_the_form_is_told_in_the_documents() -> None:
    documents = Path(__file__).resolve().parents[4] / "docs" / "operate" / "security.md"
    assert KEY_PATTERN in documents.read_text()


def test_the_checksum_covers_the_whole_key() -> None:
    text = new_key().text
    for place in (4, 13, 30, 55, 61):
        other = "A" if text[place] != "A" else "B"
        assert parse_key(text[:place] + other + text[place + 1 :]) is None


def test_the_checksum_can_be_computed_by_a_scanner() -> None:
    text = new_key().text
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number = 0
    for digit in text[-6:]:
        number = 62 * number + digits.index(digit)
    assert number == crc32(text[:-6].encode())


@pytest.mark.parametrize("text", ["", "cqk_", "secret", "cqk_ä", "x" * 62, "cqk_" + "0" * 58])
def test_other_texts_are_no_keys(text: str) -> None:
    assert parse_key(text) is None


def test_a_line_end_is_no_part_of_a_key() -> None:
    assert parse_key(new_key().text + "\n") is None


def test_only_the_right_key_matches_its_digest() -> None:
    key, other = new_key(), new_key()
    assert key.matches(hashlib.sha256(key.text.encode()).hexdigest())
    assert not other.matches(key.sha256)


def test_the_comparison_takes_the_same_time_wherever_digests_differ(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare_digest(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(keys.hmac, "compare_digest", compare_digest)
    key = new_key()
    assert not key.matches("0" * 64)
    assert compared == [(key.sha256.encode(), b"0" * 64)]


def test_a_key_is_not_shown_by_accident() -> None:
    key = new_key()
    assert key.text not in repr(key)
    assert key.text not in f"{key}"
    assert repr(PlainKey("abcdefgh", "secret")) == "PlainKey(id='abcdefgh')"
