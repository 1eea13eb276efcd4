"""A body in pieces that no client with something to say would send."""

import h11
import pytest

from service.processes.http_protocol import _PieceCounter

HEAD = (
    b"POST /diagnose HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
    b"Content-Type: text/plain\r\n\r\n"
)


def read_pieces(size: int, count: int) -> int:
    """Bytes of a body of so many pieces of one size, as they are read."""
    connection = _PieceCounter(h11.SERVER)
    piece = f"{size:x}\r\n".encode() + b"1" * size + b"\r\n"
    connection.receive_data(HEAD + piece * count)
    read = 0
    while (event := connection.next_event()) is not h11.NEED_DATA:
        read += len(event.data) if isinstance(event, h11.Data) else 0
    return read


@pytest.mark.parametrize(
    ("size", "count"), [(1, 128), (16, 128), (17, 16_384), (72, 20_000), (4096, 4000)]
)
def test_lines_and_blocks_are_read(size: int, count: int) -> None:
    assert read_pieces(size, count) == size * count


@pytest.mark.parametrize(("size", "count"), [(1, 129), (16, 129), (17, 18_000), (72, 24_000)])
def test_crumbs_are_refused(size: int, count: int) -> None:
    with pytest.raises(h11.RemoteProtocolError):
        read_pieces(size, count)
