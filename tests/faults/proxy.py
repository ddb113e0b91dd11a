"""A TCP proxy before the database that can lose the answer to the next COMMIT.

MySQL's protocol: packets of three bytes length, one byte number, payload; a command's payload begins with its code
(https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html).
"""

from __future__ import annotations

import socket
import threading

COM_QUERY = 3


class Proxy:
    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.lost = 0  # answers that were lost
        self._armed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_next_commit(self) -> None:
        self._armed.set()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target_port), timeout=5)
            except OSError:
                if self._listener.fileno() < 0:
                    return
                continue
            server.settimeout(None)
            losing = threading.Event()
            threading.Thread(target=self._up, args=(client, server, losing), daemon=True).start()
            threading.Thread(target=self._down, args=(server, client, losing), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket, losing: threading.Event) -> None:
        try:
            while data := client.recv(1 << 16):
                is_commit = len(data) < 64 and data[4:5] == bytes([COM_QUERY]) and data[5:].lower() == b"commit"
                if is_commit and self._armed.is_set():
                    self._armed.clear()
                    losing.set()
                server.sendall(data)
        except OSError:
            pass
        _shut(server)

    def _down(self, server: socket.socket, client: socket.socket, losing: threading.Event) -> None:
        try:
            while data := server.recv(1 << 16):
                if losing.is_set():  # the server has done it; nobody hears of it
                    self.lost += 1
                    break
                client.sendall(data)
        except OSError:
            pass
        _shut(client)
        _shut(server)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    connection.close()
