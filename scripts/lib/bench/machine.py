"""What it ran on, and what was measured: to be told with every figure."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Dict, List

from stack import paths, versions

UNKNOWN = "unknown"
# Writing results does not make them those of another state of the project.
RESULTS = ":(exclude)bench/results"


def machine(mongodb: str) -> Dict[str, str]:
    """The machine, and the versions of what is not ours; of MongoDB the one that serves."""
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    pins = versions.load()
    return {
        "cpu": f"{os.cpu_count()} x {model}",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "mongodb": mongodb,
        "kafka": pins.kafka.version,
        "mongodb connector": pins.connect.plugins["mongodb"].version,
        "debezium": pins.connect.plugins["debezium"].version,
    }


def commit() -> str:
    """The commit that is checked out; with `+` when something differs from it."""
    found = _git(["rev-parse", "--short=10", "HEAD"])
    return found + ("+" if _git(["status", "--porcelain", "--", ".", RESULTS]) else "") if found else UNKNOWN


def _git(words: List[str]) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=paths.CHECKOUT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()


def now() -> str:
    """The time, in UTC."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def load() -> float:
    """The load average of the last minute."""
    return round(os.getloadavg()[0], 2)
