"""Which faults a round has, when each begins and how long it lasts: from the seed alone. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import List

from chaos.faults.kinds import act_and_subject

MOST_AT_ONCE = 3
# Of the rounds, those with a quiet time in them.
LULLS, LULL_SECONDS = 0.3, (1.5, 5.0)
# Shortest and longest, in seconds: a stop, a time until what was killed is started again, a bad network.
LASTING = {
    "kill": (0.0, 4.0),
    "blackout": (0.0, 4.0),
    "pause": (1.0, 20.0),
    "cut": (0.3, 6.0),
    "slow": (2.0, 8.0),
    "silent": (1.0, 12.0),
    "storm": (3.0, 8.0),
}
# A worker stopped for longer than its session writes what nobody fences in plain mode.
PLAIN_PAUSE = (1.0, 5.0)


@dataclass(frozen=True)
class Fault:
    """One fault."""

    kind: str
    begins_after: float
    lasts: float
    # For whatever is chosen by chance while it is carried out.
    seed: int


def round_of(seed: int, number: int, kinds: List[str], seconds: float, is_plain: bool) -> List[Fault]:
    """The faults of one round, of subjects that differ."""
    chance = Random(f"faults {seed} {number}")
    # Now and then one alone, so that what it does is seen by itself.
    wanted = chance.choice([1, 2, 2, MOST_AT_ONCE])
    chosen: List[str] = []
    for kind in chance.sample(kinds, len(kinds)):
        subjects = [act_and_subject(one)[1] for one in chosen]
        if len(chosen) < wanted and act_and_subject(kind)[1] not in subjects:
            chosen.append(kind)
    # In the first round while what existed is copied, which takes a few seconds.
    begins = (0.5, 4.0) if number == 1 else (0.3, seconds * 0.6)
    return [Fault(kind, chance.uniform(*begins), _lasting(kind, chance, is_plain), chance.getrandbits(32)) for kind in chosen]


def lull_of(seed: int, number: int, seconds: float) -> "tuple[float, float]":
    """When nobody writes anything for a while, in seconds since the round began; in most rounds never."""
    chance = Random(f"lull {seed} {number}")
    if chance.random() > LULLS:
        return (0.0, 0.0)
    begins = chance.uniform(0.0, seconds * 0.6)
    return (begins, begins + chance.uniform(*LULL_SECONDS))


def _lasting(kind: str, chance: Random, is_plain: bool) -> float:
    act, subject = act_and_subject(kind)
    shortest, longest = LASTING.get(act, (0.0, 0.0))
    if is_plain and act == "pause" and subject == "worker":
        shortest, longest = PLAIN_PAUSE
    # Rather short than long: most of what goes wrong does so in the first moments.
    return shortest + (longest - shortest) * chance.random() ** 2
