"""Debian packages that a step needs; ../prerequisites knows how to check and install them."""

from __future__ import annotations

import subprocess
import sys

from stack import paths
from stack.failure import Failure


def ensure(*names: str) -> None:
    """Installs what is missing of these or fails, having said exactly what to run."""
    done = subprocess.run([str(paths.PREREQUISITES), *names], stdout=sys.stderr, check=False)
    if done.returncode != 0:
        raise Failure(f"cannot go on without: {', '.join(names)}")
