"""What is made once: whole or not there, made by one of many."""

import tempfile
import threading
import unittest
from pathlib import Path

from stack import cache


class EnsureFolder(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name) / "thing"

    def test_a_build_that_fails_leaves_nothing(self):
        def fail(aside):
            (aside / "half").touch()
            raise ValueError("broken off")

        with self.assertRaises(ValueError):
            cache.ensure_folder(self.folder, fail)
        self.assertEqual([path.name for path in self.folder.parent.iterdir()], [".thing.lock"])

    def test_is_built_once_by_one_of_many(self):
        built = []

        def build(aside):
            built.append(aside)
            (aside / "content").touch()

        asking = [threading.Thread(target=cache.ensure_folder, args=(self.folder, build)) for _ in range(8)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        self.assertEqual(len(built), 1)
        self.assertTrue((self.folder / "content").exists())

    def test_remains_of_a_killed_build_do_not_get_in(self):
        remains = self.folder.with_name(".thing.partial")
        remains.mkdir()
        (remains / "half").touch()
        cache.ensure_folder(self.folder, lambda aside: (aside / "content").touch())
        self.assertEqual([path.name for path in self.folder.iterdir()], ["content"])
