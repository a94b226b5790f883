"""What is shown: headings and facts that stay, and one line that tells what is being waited for.

On a terminal that line is drawn again and again in place. Elsewhere it goes to standard error, now and then, so that a log
shows progress too and standard output holds the report alone.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from contextlib import contextmanager, redirect_stderr
from typing import IO, Iterator, Optional

WIDTH = 100
FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
FRAME_SECONDS = 0.1
# Without a terminal: how long something must be waited for before it is told; then again and again, ever more seldom.
QUIET_SECONDS = 2.0
REPEAT_FACTOR = 1.7

BOLD, DIM, GREEN, RED, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[31m", "\x1b[0m"
CLEAR_LINE = "\r\x1b[2K"


class Screen:
    """Everything printed goes through here."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._is_terminal = out.isatty()
        self._has_colour = self._is_terminal and not os.environ.get("NO_COLOR")
        self._width = min(WIDTH, shutil.get_terminal_size().columns) if self._is_terminal else WIDTH
        self._lock = threading.Lock()
        self._waiting: Optional[str] = None
        self._since = self._tell_at = 0.0
        # What parts a heading from what stands before it: nothing before the first.
        self._gap = ""

    def heading(self, left: str, right: str = "") -> None:
        """Begins a part of the story."""
        self._print(self._gap + " " + self._painted(BOLD, left) + self._at_the_right(left, right, 2))

        self._gap = "\n"

    def fact(self, text: str, seconds: float) -> None:
        """Something that was seen, and how long it took to be."""
        self._print("   " + self._painted(GREEN, "✓") + f" {text}" + self._at_the_right(text, f"{seconds:.1f} s", 5))

    def failure(self, text: str) -> None:
        """Something that was not."""
        self._print("\n   " + self._painted(RED, "✗") + f" {text}")

    def detail(self, text: str = "") -> None:
        """What belongs to the line above; too long a line is cut, with a mark."""
        self._print("     " + cut(text, self._width - 5))

    def line(self, text: str = "") -> None:
        """A line as it is, for copying."""
        self._print(text)

    def ending(self, text: str) -> None:
        """The last word."""
        self._print("\n " + self._painted(BOLD, text))

    def progress(self, text: str) -> None:
        """Says what is being waited for now; shown only inside `waiting`."""
        self._waiting = text

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """While inside, shows that something is under way; what others say on standard error goes above it."""
        self._waiting, self._since = text, time.monotonic()
        self._tell_at = self._since + QUIET_SECONDS
        done = threading.Event()
        drawing = threading.Thread(target=self._draw_until, args=(done,), daemon=True)
        drawing.start()
        try:
            with redirect_stderr(_Above(self)):  # type: ignore[type-var]
                yield
        finally:
            done.set()
            drawing.join()
            self._waiting = None

    def say(self, text: str) -> None:
        """A line of somebody else's, on standard error."""
        with self._lock:
            self._erase()
            print(text, file=sys.__stderr__, flush=True)

    def _draw_until(self, done: threading.Event) -> None:
        while not done.wait(FRAME_SECONDS):
            if self._is_terminal:
                self._draw()
            elif time.monotonic() >= self._tell_at:
                self._tell_at = self._since + (time.monotonic() - self._since) * REPEAT_FACTOR
                self.say(f"   … {self._elapsed(self._width - 5)}")
        with self._lock:
            self._erase()

    def _draw(self) -> None:
        frame = FRAMES[int(time.monotonic() / FRAME_SECONDS) % len(FRAMES)]
        with self._lock:
            self._out.write(CLEAR_LINE + "   " + self._painted(DIM, f"{frame} {self._elapsed(self._width - 6)}") + "\r")
            self._out.flush()

    def _elapsed(self, room: int) -> str:
        seconds = f"  {time.monotonic() - self._since:.0f} s"
        return cut(self._waiting or "", room - len(seconds)) + seconds

    def _print(self, text: str) -> None:
        with self._lock:
            self._erase()
            print(text, file=self._out, flush=True)

    def _erase(self) -> None:
        if self._is_terminal and self._waiting is not None:
            self._out.write(CLEAR_LINE)
            self._out.flush()

    def _at_the_right(self, left: str, right: str, taken: int) -> str:
        room = self._width - taken - len(left)
        return self._painted(DIM, right.rjust(room)) if right and room > len(right) else ""

    def _painted(self, colour: str, text: str) -> str:
        return f"{colour}{text}{PLAIN}" if self._has_colour else text


def cut(text: str, room: int) -> str:
    """What fits, with a mark where something was left out."""
    return text if len(text) <= room else text[: room - 1] + "…"


class _Above:
    """Standard error while the waiting line is there: whole lines only, each above it."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._begun = ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._screen.say(line)
        return len(text)

    def flush(self) -> None:
        """Whole lines are out already."""

    def fileno(self) -> int:
        """For programs that are run meanwhile: they write for themselves."""
        return sys.__stderr__.fileno()  # type: ignore[union-attr]
