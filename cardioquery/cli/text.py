"""Text of others (file names, a service's answers) made safe for a terminal."""


def printable(text: str) -> str:
    """The text without escape sequences, bidi controls and the like; lines stay."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
