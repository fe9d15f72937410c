"""A wire between a client and a server that can be cut, or swallow everything without a word, as mobile links do."""

import contextlib
import socket
import threading
from collections.abc import Iterator


class Wire:
    """Listens on `port` and passes bytes to a server on loopback."""

    def __init__(self, server_port: int) -> None:
        self.dislikes = b""  # a connection that says this towards the server is cut; b'': none
        self.swallows = False  # bytes go nowhere, connections stay open and dead: nobody is told
        self._said: list[bytearray] = []  # by connection
        self.bytes_per_s = 0.0  # how fast it is towards the server; 0: as fast as it can
        self._never = threading.Event()
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)  # a slow link buffers little
        self._sockets: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def said(self) -> bytes:
        """Everything that went towards the server, connection after connection."""
        return b"".join(self._said)

    def cut(self) -> None:
        """Break every connection; new ones may be made."""
        for one in list(self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._server_port))
                except OSError:
                    client.close()
                    continue
                self._sockets |= {client, server}
                for pair in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, up: bool) -> None:
        said, whole = bytearray(), True  # a stream with a hole in it never goes on
        if up:
            self._said.append(said)
        with contextlib.suppress(OSError):
            while data := source.recv(1024 if self.bytes_per_s else 65536):
                if up and self.dislikes and self.dislikes in data:
                    break
                if up and self.bytes_per_s:
                    self._never.wait(len(data) / self.bytes_per_s)
                whole &= not self.swallows
                if whole:
                    said += data  # first: the other side may be heard before this thread goes on
                    target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._sockets -= {source, target}


@contextlib.contextmanager
def wire_to(port: int) -> Iterator[Wire]:
    """A wire for the length of a `with`."""
    wire = Wire(port)
    try:
        yield wire
    finally:
        wire.close()
