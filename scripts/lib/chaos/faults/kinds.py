"""The kinds of faults: what is done, and to whom. Two faults at once are never done to the same subject."""

from __future__ import annotations

from typing import Dict, List

SUBJECTS: Dict[str, List[str]] = {
    "producer": ["kill", "pause", "blackout"],
    "worker": ["kill", "pause", "storm", "blackout"],
    "broker": ["kill", "pause", "cut", "slow", "silent"],
    "source": ["kill", "pause", "stepdown", "cut", "slow", "silent", "blackout"],
    "target": ["kill", "pause", "stepdown", "cut", "slow", "silent", "blackout"],
}
KINDS = tuple(f"{act}-{subject}" for subject, acts in SUBJECTS.items() for act in acts)


def act_and_subject(kind: str) -> "tuple[str, str]":
    """`kill-worker` is `kill` done to `worker`."""
    act, _, subject = kind.partition("-")
    return act, subject
