"""Pid safety: only the very process that was started is ever signalled."""

import dataclasses
import os
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from stack import process
from stack.process import Condition
from stack.waiting import wait_for

SECONDS = 10


class Spawned(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.identity = process.spawn(["sleep", "60"], {}, self.folder / "log", self.folder)
        self.addCleanup(process.send, self.identity, signal.SIGKILL)

    def wait(self, wanted):
        wait_for(str(wanted), lambda: process.condition(self.identity) is wanted, SECONDS)

    def test_runs_in_a_session_of_its_own(self):
        self.assertEqual(os.getsid(self.identity.pid), self.identity.pid)

    def test_is_found_running_paused_and_gone(self):
        self.wait(Condition.RUNNING)
        process.send(self.identity, signal.SIGSTOP)
        self.wait(Condition.PAUSED)
        process.send(self.identity, signal.SIGCONT)
        self.wait(Condition.RUNNING)
        process.send(self.identity, signal.SIGKILL)
        self.wait(Condition.GONE)

    def test_output_is_appended_to_the_log(self):
        log = self.folder / "said"
        log.write_text("before\n")
        said = process.spawn(["sh", "-c", "echo out; echo err >&2"], {}, log, self.folder)
        wait_for("ended", lambda: process.condition(said) is Condition.GONE, SECONDS)
        self.assertEqual(log.read_text(), "before\nout\nerr\n")

    def test_a_process_is_gone_with_its_last_thread(self):
        program = "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(60,)).start(); "
        program += "ctypes.CDLL(None).pthread_exit(None)"
        headless = process.spawn([sys.executable, "-c", program], {}, self.folder / "headless", self.folder)
        self.addCleanup(process.send, headless, signal.SIGKILL)
        stat = Path(f"/proc/{headless.pid}/stat")
        wait_for("a zombie", lambda: stat.read_text().rpartition(")")[2].split()[0] == "Z", SECONDS)
        self.assertIs(process.condition(headless), Condition.RUNNING)
        process.send(headless, signal.SIGKILL)
        wait_for("gone", lambda: process.condition(headless) is Condition.GONE, SECONDS)

    def test_another_start_time_is_another_process(self):
        former = dataclasses.replace(self.identity, start_ticks=self.identity.start_ticks - 1)
        self.assertIs(process.condition(former), Condition.GONE)
        self.assertFalse(process.send(former, signal.SIGKILL))
        self.wait(Condition.RUNNING)

    def test_another_boot_is_another_process(self):
        former = dataclasses.replace(self.identity, boot_id="of yesterday")
        self.assertFalse(process.send(former, signal.SIGKILL))
        self.wait(Condition.RUNNING)


class Gone(unittest.TestCase):
    def test_a_pid_that_is_free_takes_no_signal(self):
        ended = subprocess.Popen(["true"])
        ended.wait()
        self.assertFalse(process.send(process.Identity(ended.pid, 1, "any"), signal.SIGKILL))

    def test_nothing_started_is_gone(self):
        self.assertIs(process.condition(None), Condition.GONE)
