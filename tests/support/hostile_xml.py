"""XML documents that were made to hurt; each takes the name of its root element."""

# Just below what is read of a file.
ALMOST_A_FILE = 31 * 1024 * 1024

LAUGHS = "".join(
    f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' if n else '<!ENTITY l0 "ha">' for n in range(10)
)


def nested(root: str, depth: int = 200_000) -> bytes:
    """Elements in elements."""
    return f"<{root}>{'<a>' * depth}{'</a>' * depth}</{root}>".encode()


def wide(root: str) -> bytes:
    """Millions of elements."""
    return f"<{root}>{'<a/>' * 2_000_000}</{root}>".encode()


def laughing(root: str) -> bytes:
    """Entities of entities: a billion laughs."""
    return f"<!DOCTYPE {root} [{LAUGHS}]><{root}>&l9;</{root}>".encode()


def quadratic(root: str) -> bytes:
    """One long entity, many times."""
    entity = f'<!ENTITY a "{"a" * 100_000}">'
    return f"<!DOCTYPE {root} [{entity}]><{root}>{'&a;' * 20_000}</{root}>".encode()


def defaulted(root: str) -> bytes:
    """Thousands of default attributes on each of many elements."""
    defaults = "".join(f'<!ATTLIST a b{n} CDATA "x">' for n in range(5000))
    return f"<!DOCTYPE {root} [{defaults}]><{root}>{'<a/>' * 20_000}</{root}>".encode()


def reading_a_file(root: str) -> bytes:
    """An entity that is a file of the machine."""
    entity = '<!ENTITY a SYSTEM "file:///etc/passwd">'
    return f"<!DOCTYPE {root} [{entity}]><{root}>&a;</{root}>".encode()


def many_attributes(root: str) -> bytes:
    """One tag of millions of attributes."""
    attributes = " ".join(f'a{n}=""' for n in range(2_000_000))
    return f"<{root}><a {attributes}/></{root}>".encode()


def spread_attributes(root: str) -> bytes:
    """As many that none of the tags is too long."""
    tag = "<a " + " ".join(f'a{n}=""' for n in range(20_000)) + "/>"
    return f"<{root}>{tag * 100}</{root}>".encode()


def long_name(root: str) -> bytes:
    """One name as long as a file may be."""
    return f"<{root}><{'a' * ALMOST_A_FILE}/></{root}>".encode()


def long_comment(root: str) -> bytes:
    """One comment as long as a file may be."""
    return f"<{root}><!--{'a' * ALMOST_A_FILE}--></{root}>".encode()


def multiplied_namespace(root: str) -> bytes:
    """A name of 60 KB that a parser would give each of 45,000 elements, each with another name."""
    elements = "".join(f"<a:b{n}/>" for n in range(45_000))
    return f'<{root}><x xmlns:a="{"u" * 60_000}">{elements}</x></{root}>'.encode()


def of_nothing_but_text(root: str) -> bytes:
    """Millions of character references."""
    return f"<{root}>{'&#65;' * 5_000_000}</{root}>".encode()
