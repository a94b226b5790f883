"""The programs that are measured and measured with: those that the caller names, else built as they are used."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Dict, Optional

from demo.binaries import NEEDED
from stack import paths, prerequisites
from stack.failure import Failure, say

NAMES = ("producer", "worker", "bench")


def found(folder: Optional[Path]) -> Dict[str, Path]:
    """Where each is."""
    folder = folder or _build()
    programs = {name: (folder / name).resolve() for name in NAMES}
    for path in programs.values():
        if not os.access(path, os.X_OK):
            raise Failure(f"{path} is not there; without --binaries they are built")
    return programs


def _build() -> Path:
    prerequisites.ensure(*NEEDED)
    say("building producer, worker and bench (cargo build --release)")
    packages = [word for name in NAMES for word in ("-p", name)]
    done = subprocess.run(["cargo", "build", "--release", "--locked", *packages], cwd=paths.CHECKOUT, check=False)
    if done.returncode != 0:
        raise Failure("cargo build failed")
    return Path(os.environ.get("CARGO_TARGET_DIR", paths.CHECKOUT / "target")) / "release"
