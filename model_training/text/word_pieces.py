"""Chooses which word pieces stay: those that European languages are divided into.

A text's division is the most probable one, so a text that needs no piece that was left out is
divided as with the whole table; any other is divided into smaller pieces that stayed. No text in
Latin, Greek or Cyrillic script becomes unknown: every single character of theirs stays.
"""

import gzip
import json
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from model_training.text.e5_folder import PREFIX, SPECIAL, tokenizer_of
from model_training.text.packed import WordPiece

LANGUAGES = ("de", "en", "es", "fr", "it", "nl", "pt")
# Of the word lists of pyspellchecker 0.9.1.
LIST_DIGESTS = {
    "de.json.gz": "79cacd2a28fa6de9089f12ffaf11c5356353ea08a1f95f078218f1e5947a9414",
    "en.json.gz": "2474a48af86fd81dccea9edd0bba6cd36dd2ecedc0ae217cefcb233bba28613c",
    "es.json.gz": "60d27fd15ee2a99e679f6da511d8a141941f270537dee34448d1c51279175171",
    "fr.json.gz": "04c256f6d06c4cadef640b63002e0e390008265e38d3def97172c292d09a141d",
    "it.json.gz": "4c6e24595e59b4f802efa2d2e1d244c3d9ce645ae1b2622d4dc98b75ed30fe61",
    "nl.json.gz": "ba1441ef417b4c0a5e77d1a320866e796924cd9d8439a40851185e5812a2b6c5",
    "pt.json.gz": "6ee41cf1c071be1d055642b1721493e624ee40d532c77274b881420a76a2a294",
}
# A piece stays if one of so many frequent words of a language needs it ...
FREQUENT = 20_000
# ... or so many forms of any words.
LEAST_FORMS = 10

_AT_ONCE = 50_000

_SPACE = "▁"
_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC")
_NO_LETTER = "NPSMZ"  # Unicode's general categories: numbers, punctuation, symbols, marks, spaces
_FIRST_OF_OTHER_SCRIPTS = 0x2E80
_END_OF_CYRILLIC = 0x530


def read_word_lists(folder: Path) -> dict[str, list[str]]:
    """The words of each language, most frequent first.

    Args:
        folder: Of the package `pyspellchecker`, with `LANGUAGE.json.gz`: words and their counts.
    """
    lists = {}
    for language in LANGUAGES:
        counts: Mapping[str, int] = json.loads(
            gzip.decompress((folder / f"{language}.json.gz").read_bytes())
        )
        lists[language] = sorted(counts, key=lambda word: (-counts[word], word))
    return lists


def kept_pieces(pieces: Sequence[WordPiece], words: Mapping[str, Sequence[str]]) -> list[int]:
    """Numbers of the pieces that stay, ascending; the special ones are among them.

    Args:
        pieces: The whole table, the special ones first.
        words: By language, most frequent first.
    """
    first = len(SPECIAL)
    kept = {n for n, piece in enumerate(pieces) if n < first or is_always_kept(piece.text)}
    tokenizer = tokenizer_of(pieces)
    kept.update(tokenizer.encode(PREFIX, add_special_tokens=False).ids)
    needed: Counter[int] = Counter()
    for spoken in words.values():
        for numbers in _divided(tokenizer, _forms(spoken[:FREQUENT], "{}", "({}", "-{}")):
            kept.update(numbers)
        for start in range(0, len(spoken), _AT_ONCE):
            for numbers in _divided(tokenizer, _forms(spoken[start : start + _AT_ONCE], "{}")):
                needed.update(numbers)
    kept.update(number for number, count in needed.items() if count >= LEAST_FORMS)
    return sorted(kept)


def _forms(words: Sequence[str], *written: str) -> list[str]:
    """Words written small and with a capital, each in these ways."""
    both = [form for word in words for form in (word, word.capitalize())]
    return [way.replace("{}", form) for way in written for form in both]


def _divided(tokenizer: Tokenizer, texts: list[str]) -> Iterator[set[int]]:
    for encoded in tokenizer.encode_batch_fast(texts, add_special_tokens=False):
        yield set(encoded.ids)


def is_always_kept(text: str) -> bool:
    """Whether a piece stays whatever the word lists hold.

    Numbers, units and symbols stay, single characters, and what abbreviations are made of: two
    letters, and capitals alone.
    """
    body = text.lstrip(_SPACE)
    if all(map(_is_symbol, body)):
        return True
    if len(body) == 1:
        return ord(body) < _END_OF_CYRILLIC or _script(body) in _SCRIPTS
    is_latin = all(_script(character) == "LATIN" for character in body)
    return is_latin and (len(body) == 2 or body.isupper())


def _is_symbol(character: str) -> bool:
    category = unicodedata.category(character)[0]
    return category in _NO_LETTER and ord(character) < _FIRST_OF_OTHER_SCRIPTS


def _script(character: str) -> str:
    return unicodedata.name(character, "").partition(" ")[0] if character.isalpha() else ""
