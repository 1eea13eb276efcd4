"""Requests by hand over a socket."""

import json
import socket

PART = b'--line\r\nContent-Disposition: form-data; name="recording"; filename="a.csv"\r\n\r\n'


def head_and_body(connection: socket.socket) -> tuple[bytes, bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65536)
        assert chunk, "no answer"
        received += chunk
    head, body = received.split(b"\r\n\r\n", 1)
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    length = int(lengths[0].split(b":")[1])
    while len(body) < length:
        chunk = connection.recv(65536)
        assert chunk, "half an answer"
        body += chunk
    return head.lower(), body


def answer(connection: socket.socket) -> tuple[int, dict[str, object]]:
    """The response's status and its problem."""
    head, body = head_and_body(connection)
    assert b"application/problem+json" in head
    return int(head.split()[1]), json.loads(body)


def chunked(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"
