"""The proxies: one listening port per server, in a process of their own.

Open: bytes pass as they come. Slow: every piece waits. Silent: connections stay, nothing passes. Cut: connections end, new ones too.
Commands come over a Unix socket, one JSON object a line (`{"path": "kafka", "mode": "slow", "delay": 0.1}`), each answered `ok`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any, Dict, Optional, Set


class Path:
    """One server and how it can be reached at present."""

    def __init__(self, port: int) -> None:
        self.port, self.mode, self.delay = port, "open", 0.0
        self.halves: Set[Half] = set()

    def change(self, mode: str, delay: float) -> None:
        """Takes effect at once on all connections."""
        self.mode, self.delay = mode, delay
        for half in list(self.halves):
            if mode == "cut":
                half.transport.abort()
            elif mode != "silent":
                half.release()


class Half(asyncio.Protocol):
    """One end of a connection: what it receives goes out at the other end."""

    transport: asyncio.Transport

    def __init__(self, path: Path, other: Optional[Half] = None) -> None:
        self._path, self._other = path, other
        self._held = b""
        self._is_ready = other is not None
        self._must_wait = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._path.halves.add(self)
        if self._path.mode == "cut":
            transport.abort()
        elif self._other is None:
            transport.pause_reading()
            asyncio.ensure_future(self._connect())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, self._other = await loop.create_connection(lambda: Half(self._path, self), "127.0.0.1", self._path.port)
        except OSError:
            self.transport.abort()
            return
        self._is_ready = True
        self._go_on()

    def data_received(self, data: bytes) -> None:
        if self._path.mode == "open":
            self._pass(data)
            return
        self._held += data
        self.transport.pause_reading()
        if self._path.mode == "slow":
            asyncio.get_running_loop().call_later(self._path.delay, self.release)

    def release(self) -> None:
        """Passes on what was held."""
        if self._held and self._path.mode != "silent":
            held, self._held = self._held, b""
            self._pass(held)
            self._go_on()

    def _pass(self, data: bytes) -> None:
        if self._other and not self._other.transport.is_closing():
            self._other.transport.write(data)

    def _go_on(self) -> None:
        if self._is_ready and not self._must_wait and not self._held and not self.transport.is_closing():
            self.transport.resume_reading()

    def pause_writing(self) -> None:
        if self._other:
            self._other.hold_back(True)

    def resume_writing(self) -> None:
        if self._other:
            self._other.hold_back(False)

    def hold_back(self, must_wait: bool) -> None:
        """The other end cannot take more, or can again."""
        self._must_wait = must_wait
        if must_wait and not self.transport.is_closing():
            self.transport.pause_reading()
        else:
            self._go_on()

    def connection_lost(self, error: Optional[Exception]) -> None:
        self._path.halves.discard(self)
        if self._other:
            (self._other.transport.abort if error else self._other.transport.close)()


async def serve(control: str, paths: Dict[str, Any]) -> None:
    """Serves until it is ended."""
    loop = asyncio.get_running_loop()
    known = {name: Path(one["to"]) for name, one in paths.items()}
    for name, one in paths.items():
        await loop.create_server(lambda path=known[name]: Half(path), "127.0.0.1", one["port"])  # type: ignore[misc]

    async def obey(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for line in reader:
            order = json.loads(line)
            known[order["path"]].change(order["mode"], order.get("delay", 0.0))
            writer.write(b"ok\n")
        writer.close()

    await asyncio.start_unix_server(obey, control)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], json.loads(sys.argv[2])))
