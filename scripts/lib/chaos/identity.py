"""When MongoDB holds two `_id`s equal: numbers by their value whatever their type, everything else by type and bytes."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any, Hashable

from bson import Decimal128, encode

Key = Hashable


def identity(value: Any) -> Hashable:
    """Equal for values that are one `_id`."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, (int, float)):
        return ("number", _number(value))
    if isinstance(value, Decimal128):
        return ("number", _number(value.to_decimal()))
    if isinstance(value, dict):
        return ("document", tuple((name, identity(held)) for name, held in value.items()))
    if isinstance(value, (list, tuple)):
        return ("array", tuple(identity(held) for held in value))
    return ("other", bytes(encode({"": value})))


def _number(value: Any) -> Hashable:
    is_finite = value.is_finite() if isinstance(value, Decimal) else abs(value) < float("inf")
    return Fraction(value) if is_finite else str(float(value))
