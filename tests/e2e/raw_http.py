"""HTTP on raw sockets: a connection that reads answers strictly, and clients that watch how long others wait."""

from __future__ import annotations

import re
import socket
import statistics
import threading
import time
from typing import Any, Optional

HELLO = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
ANSWER_S = 10


class Connection:
    """One TCP connection that reads whole answers."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), ANSWER_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: Any) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # answered before the end: the answer is there to read

    def _more(self) -> None:
        piece = self.socket.recv(65536)
        if not piece:
            raise EOFError(f"the connection ended after {self.rest!r}")
        self.rest += piece

    def answer(self, head_only: bool = False) -> tuple[int, dict[str, str], bytes]:
        """Status, headers by lower-case name, body. Anything that is not HTTP is an error."""
        while b"\r\n\r\n" not in self.rest:
            self._more()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        first, *lines = head.decode("ascii").split("\r\n")
        match = re.fullmatch(r"HTTP/1\.[01] (\d{3}) [ -~]+", first)
        assert match, first
        headers: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(": ")
            assert colon and re.fullmatch(r"[a-z0-9-]+", name.lower()), line
            assert name.lower() not in headers, f"{name} twice"
            headers[name.lower()] = value
        status = int(match[1])
        if status == 100:
            return status, headers, b""
        if head_only:
            return status, headers, b""
        if headers.get("transfer-encoding") == "chunked":
            return status, headers, self._chunks()
        if "content-length" not in headers:
            return status, headers, self._to_the_end(headers)
        return status, headers, self._take(int(headers["content-length"]))

    def _to_the_end(self, headers: dict[str, str]) -> bytes:
        """A body of a length that was not known, for HTTP/1.0."""
        assert headers["connection"] == "close"
        while piece := self.socket.recv(65536):
            self.rest += piece
        body, self.rest = self.rest, b""
        return body

    def _take(self, length: int) -> bytes:
        while len(self.rest) < length:
            self._more()
        taken, self.rest = self.rest[:length], self.rest[length:]
        return taken

    def _chunks(self) -> bytes:
        body = b""
        while True:
            while b"\r\n" not in self.rest:
                self._more()
            size, _, self.rest = self.rest.partition(b"\r\n")
            assert re.fullmatch(rb"[0-9a-fA-F]+", size), size
            chunk = self._take(int(size, 16) + 2)
            assert chunk.endswith(b"\r\n"), chunk[-10:]
            if int(size, 16) == 0:
                return body
            body += chunk[:-2]

    def ended(self) -> bool:
        """Whether the server closes the connection, without sending anything more."""
        self.socket.settimeout(5)
        try:
            return self.rest == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except socket.timeout:
            return False


class Others:
    """Other clients: four connections that ask for /hello in turn and note how long each answer took."""

    def __init__(self, port: int) -> None:
        self.connections = [Connection(port) for _ in range(4)]
        self.asked: list[tuple[float, float]] = []  # when it began, how long it took
        self.failure: Optional[str] = None
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._ask, daemon=True)
        self.thread.start()

    def _ask(self) -> None:
        try:
            while not self.stopped.is_set():
                for connection in self.connections:
                    began = time.monotonic()
                    connection.send(HELLO)
                    assert connection.answer()[0] == 200
                    self.asked.append((began, time.monotonic() - began))
                self.stopped.wait(0.004)
        except Exception as error:  # told by slowest()
            self.failure = repr(error)

    def slowest_since(self, moment: float) -> float:
        assert self.failure is None, f"another client was failed: {self.failure}"
        waits = [wait for began, wait in self.asked if began + wait >= moment]
        return max(waits, default=0.0)

    def usual(self) -> float:
        return statistics.median([wait for _, wait in self.asked[-2000:]] or [0.0])

    def bound(self) -> float:
        """What an answer may take: far above what a busy machine costs, far below a worker that hangs."""
        return 1.0 + 20 * self.usual()

    def stop(self) -> None:
        self.stopped.set()
        self.thread.join()
        for connection in self.connections:
            connection.socket.close()
