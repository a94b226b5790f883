"""Where things are. Downloads can be shared by several checkouts (OPLOGUE_CACHE); stacks belong to one checkout."""

from __future__ import annotations

import os
from pathlib import Path

LIB = Path(__file__).resolve().parents[1]
CHECKOUT = LIB.parents[1]
VERSIONS = LIB / "versions.json"
PREREQUISITES = LIB / "prerequisites"


def cache() -> Path:
    """Folder of everything that is fetched once."""
    return Path(os.environ.get("OPLOGUE_CACHE") or CHECKOUT / ".cache").absolute()


def stacks() -> Path:
    """Folder of this checkout's stacks: one subfolder each, with its state, logs and databases."""
    return CHECKOUT / ".cache" / "stack"
