"""What processes use: CPU seconds and memory, from /proc (proc(5))."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterable, Tuple

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """One process over a time."""

    cpu_seconds: float
    peak_mb: float


def cpu_seconds(pid: int) -> float:
    """User and system time so far; a process that is gone has used nothing."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def peak_mb(pid: int) -> float:
    """The most memory it was resident with (`VmHWM`), in MB."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    kilobytes = next((line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")), "0")
    return int(kilobytes) / 1024


def forget_peak(pid: int) -> None:
    """From now on the peak is counted anew (proc(5), clear_refs)."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError:
        # Of somebody else's process the peak of its whole life is what can be told.
        return


class Meter:
    """Looks at processes from now on; several may go by one name."""

    def __init__(self, pids: Iterable[Tuple[str, int]]) -> None:
        self._began = [(name, pid, cpu_seconds(pid)) for name, pid in pids]
        for _, pid, _ in self._began:
            forget_peak(pid)

    def add(self, name: str, pid: int) -> None:
        """A process that has just been started."""
        self._began.append((name, pid, 0.0))

    def read(self) -> Dict[str, Usage]:
        """What they have used since, by name: the time of all, the memory of the one that took most."""
        used: Dict[str, Usage] = {}
        for name, pid, before in self._began:
            so_far = used.get(name, Usage(0.0, 0.0))
            used[name] = Usage(so_far.cpu_seconds + cpu_seconds(pid) - before, max(so_far.peak_mb, peak_mb(pid)))
        return used
