"""Tests of scripts/stack. `scripts/lib/stack/tests/run` runs all; `run unit` only those that start no service."""
