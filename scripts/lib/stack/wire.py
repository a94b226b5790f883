"""The two questions that need no client library: does a port accept connections, and does a broker serve."""

from __future__ import annotations

import socket
import struct

ANSWER_SECONDS = 2.0

# Metadata, version 1, for no topics: https://kafka.apache.org/protocol.html#The_Messages_Metadata
METADATA_REQUEST = struct.pack(">hhih", 3, 1, 7, -1) + struct.pack(">i", 0)
CORRELATION_ID = 7


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something listens there."""
    try:
        with socket.create_connection((host, port), ANSWER_SECONDS):
            return True
    except OSError:
        return False


def broker_serves(address: str) -> bool:
    """Whether a broker there answers and counts at least one broker, itself, as part of the cluster."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), ANSWER_SECONDS) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.sendall(struct.pack(">i", len(METADATA_REQUEST)) + METADATA_REQUEST)
            correlation_id, brokers = _read_answer(connection)
    except OSError:
        return False
    return correlation_id == CORRELATION_ID and brokers > 0


def _read_answer(connection: socket.socket) -> tuple[int, int]:
    """Length, correlation id and the number of brokers are the first three integers; the rest is not needed."""
    read = b""
    while len(read) < 12:
        chunk = connection.recv(4096)
        if not chunk:
            raise ConnectionError("the broker closed the connection")
        read += chunk
    _, correlation_id, brokers = struct.unpack(">iii", read[:12])
    return correlation_id, brokers
