"""As much of Kafka's protocol as a supervisor needs: is the broker there, and where do partitions end?

Blocking, one connection, no authentication, no dependencies. Not a client: records are neither written nor read.
"""

from __future__ import annotations

import socket
import struct
from typing import Iterable, Optional

API_LIST_OFFSETS = 2
API_METADATA = 3
LATEST = -1


class KafkaWireError(Exception):
    """The broker answered with an error, or not as expected."""


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, form: str) -> int:
        (value,) = struct.unpack_from(">" + form, self._data, self._at)
        self._at += struct.calcsize(">" + form)
        return value

    def string(self) -> Optional[str]:
        length = self.take("h")
        if length < 0:
            return None
        text = self._data[self._at : self._at + length].decode()
        self._at += length
        return text


def _string(text: str) -> bytes:
    return struct.pack(">h", len(text.encode())) + text.encode()


class KafkaWire:
    """One connection; it is opened at the first request and again after an OSError."""

    def __init__(self, host: str, port: int, timeout_s: float = 5.0) -> None:
        self._address = (host, port)
        self._timeout_s = timeout_s
        self._socket: Optional[socket.socket] = None

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _receive(self, count: int) -> bytes:
        parts = b""
        while len(parts) < count:
            part = self._socket.recv(count - len(parts))
            if not part:
                raise ConnectionError("the broker closed the connection")
            parts += part
        return parts

    def _request(self, api: int, version: int, body: bytes) -> _Reader:
        try:
            if self._socket is None:
                self._socket = socket.create_connection(self._address, self._timeout_s)
            request = struct.pack(">hhi", api, version, 1) + _string("stack") + body
            self._socket.sendall(struct.pack(">i", len(request)) + request)
            (size,) = struct.unpack(">i", self._receive(4))
            reader = _Reader(self._receive(size))
        except OSError:
            self.close()
            raise
        reader.take("i")  # the request's number
        return reader

    def metadata(self, topics: Iterable[str] = ()) -> tuple[int, dict[str, list[int]]]:
        """(number of brokers, {topic: its partitions}); a topic that does not exist is left out."""
        names = list(topics)
        body = struct.pack(">i", len(names)) + b"".join(_string(name) for name in names)
        answer = self._request(API_METADATA, 1, body)
        brokers = answer.take("i")
        for _ in range(brokers):
            answer.take("i"), answer.string(), answer.take("i"), answer.string()
        answer.take("i")  # the controller
        found: dict[str, list[int]] = {}
        for _ in range(answer.take("i")):
            error, name = answer.take("h"), answer.string()
            answer.take("b")
            partitions = []
            for _ in range(answer.take("i")):
                answer.take("h")
                partitions.append(answer.take("i"))
                answer.take("i")
                for _ in range(2):  # replicas, in-sync replicas
                    for _ in range(answer.take("i")):
                        answer.take("i")
            if error == 0:
                found[name] = sorted(partitions)
        return brokers, found

    def end_offsets(self, topics: Iterable[str]) -> dict[tuple[str, int], int]:
        """{(topic, partition): high watermark} of the topics that exist."""
        partitions = self.metadata(topics)[1]
        body = struct.pack(">ii", -1, len(partitions))
        for name, numbers in partitions.items():
            body += _string(name) + struct.pack(">i", len(numbers))
            body += b"".join(struct.pack(">iq", number, LATEST) for number in numbers)
        answer = self._request(API_LIST_OFFSETS, 1, body)
        ends: dict[tuple[str, int], int] = {}
        for _ in range(answer.take("i")):
            name = answer.string()
            for _ in range(answer.take("i")):
                partition, error = answer.take("i"), answer.take("h")
                answer.take("q")
                offset = answer.take("q")
                if error != 0:
                    raise KafkaWireError(f"{name} [{partition}]: error {error}")
                ends[(name, partition)] = offset
        return ends
