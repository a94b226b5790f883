"""A metrics page: fetched, and one metric read from it."""

from __future__ import annotations

import re
import urllib.request
from http.client import HTTPException
from typing import Optional

ANSWER_SECONDS = 2.0


def fetch(address: str) -> Optional[str]:
    """The page at that address; None while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=ANSWER_SECONDS) as answer:
            return str(answer.read().decode())
    except (OSError, HTTPException):
        return None


def value(page: Optional[str], name: str) -> Optional[float]:
    """The metric's value, summed over its labels; None when the page does not have it."""
    found = re.findall(rf"^{re.escape(name)}(?:\{{.*\}})? (\S+)$", page or "", re.MULTILINE)
    return sum(float(one) for one in found) if found else None
