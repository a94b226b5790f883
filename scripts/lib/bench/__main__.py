"""Entry for `python3 scripts/lib/bench …`; run by path so that the caller's folder can never shadow a module."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.cli import main  # noqa: E402  (the path above must be set first)

sys.exit(main(sys.argv[1:]))
