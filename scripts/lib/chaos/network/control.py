"""Starting the proxies and telling them what to do."""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import Dict, Tuple

from stack import service, wire
from stack.state import Service
from stack.waiting import wait_for

READY_SECONDS = 20.0
PROXY = Path(__file__).with_name("proxy.py")


class Network:
    """The proxies of one stack: a port and the port behind it for each server."""

    def __init__(self, folder: Path, paths: Dict[str, Tuple[int, int]]) -> None:
        # Not in the folder: a socket's path is limited to about a hundred characters.
        self._control = str(Path(tempfile.mkdtemp(prefix="oplogue-chaos-")) / "control")
        self._paths = paths
        argv = [
            sys.executable,
            str(PROXY),
            self._control,
            json.dumps({name: {"port": front, "to": back} for name, (front, back) in paths.items()}),
        ]
        self.service = Service("proxies", [], argv, {}, str(folder), str(folder / "proxies.log"))

    def start(self) -> None:
        """Starts them and waits until they listen."""
        service.start(self.service)
        wait_for("the proxies listening", self._listens, READY_SECONDS)

    def _listens(self) -> bool:
        service.require_running(self.service)
        return os.path.exists(self._control) and all(wire.accepts(front) for front, _ in self._paths.values())

    def set(self, name: str, mode: str, delay: float = 0.0) -> None:
        """Changes how a server can be reached."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
            control.settimeout(READY_SECONDS)
            control.connect(self._control)
            control.sendall(json.dumps({"path": name, "mode": mode, "delay": delay}).encode() + b"\n")
            control.recv(16)

    def heal(self) -> None:
        """Everything can be reached again."""
        for name in self._paths:
            self.set(name, "open")

    def stop(self) -> None:
        """Ends them."""
        service.stop([self.service])
        for path in (Path(self._control), Path(self._control).parent):
            path.unlink() if path.is_socket() else path.rmdir()
