"""Check a: the target holds the shaped source, byte for byte, in every namespace, and nothing beside it.

Documents that hold the same in another order of fields are counted apart where updates may have moved fields (a change event does
not say so), and are a difference everywhere else.
"""

from __future__ import annotations

from typing import Any, Dict, Hashable, Mapping

from bson import decode

from chaos.identity import identity
from chaos.shaping import Rule, shaped, sorted_content
from chaos.verdict import Verdict

Documents = Dict[Hashable, bytes]


def keyed(raw: "list[bytes]") -> Documents:
    """Documents by the identity of their `_id`."""
    return {identity(decode(one)["_id"]): one for one in raw}


def compare(namespace: str, source: Documents, target: Documents, rule: Rule, may_move: bool) -> Verdict:
    """One namespace."""
    verdict = Verdict()
    for key, raw in source.items():
        expected, held = shaped(raw, rule), target.get(key)
        if held is None:
            verdict.add("diverged", f"{(namespace, key)}: missing at the target")
        elif held != expected:
            _different(f"{(namespace, key)}", (expected, held), may_move, verdict)
    for key in target:
        if key not in source:
            verdict.add("diverged", f"{(namespace, key)}: at the target only")
    verdict.apart["documents"] += len(source)
    return verdict


def _different(document: str, sides: "tuple[bytes, bytes]", may_move: bool, verdict: Verdict) -> None:
    expected, held = sides
    if sorted_content(expected) == sorted_content(held):
        if may_move:
            verdict.apart["order_only"] += 1
        else:
            verdict.add("diverged", f"{document}: its fields stand in another order")
        return
    verdict.add("diverged", f"{document}: {_differing(decode(expected), decode(held))}")


def _differing(expected: Mapping[str, Any], held: Mapping[str, Any]) -> str:
    names = [name for name in {**expected, **held} if expected.get(name) != held.get(name)]
    revisions = f"rev {expected.get('rev')} and {held.get('rev')}"
    return f"source and target differ ({revisions}) in {', '.join(names) or 'types or nested order'}"
