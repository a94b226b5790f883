"""Looking into Kafka with kcat, as anybody could."""

from __future__ import annotations

import subprocess
from typing import List

from stack.failure import Failure

from demo import records
from demo.records import Record

READ_SECONDS = 120.0


class Kcat:
    """kcat at one broker."""

    def __init__(self, brokers: str) -> None:
        self._brokers = brokers

    def read_committed(self, topic: str) -> List[Record]:
        """Every record that is committed, partition by partition in their order; none if the topic does not exist."""
        if topic not in self.topics():
            return []
        said = self._run("-C", "-t", topic, "-e", "-q", "-X", "isolation.level=read_committed", "-f", records.FORMAT)
        parsed = records.parse(said.split("\n"))
        return sorted(parsed, key=lambda record: (record.partition, record.offset))

    def show(self, topic: str, form: str) -> List[str]:
        """The lines that `show_line` prints."""
        return self._run("-C", "-t", topic, "-e", "-q", "-f", form).splitlines()

    def show_line(self, topic: str, form: str) -> str:
        """The command for a person's shell."""
        return f"kcat -C -b {self._brokers} -t {topic} -e -q -f '{form}'"

    def topics(self) -> List[str]:
        """The names of all topics; metadata is one line each: `topic "test.users" with 8 partitions:`."""
        lines = (line.strip() for line in self._run("-L").splitlines())
        return [line.split('"')[1] for line in lines if line.startswith('topic "')]

    def _run(self, *words: str) -> str:
        # -C is said wherever it reads: without a terminal kcat would guess that it shall produce.
        line = ["kcat", "-b", self._brokers, *words]
        done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=READ_SECONDS, check=False)
        if done.returncode != 0:
            raise Failure(f"{' '.join(line)} failed ({done.returncode}): {done.stderr.strip()}")
        return done.stdout
