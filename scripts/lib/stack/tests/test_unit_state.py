"""State and request: what is written is read back, what contradicts is refused, connection strings are right."""

import stat
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from stack import arguments, paths, plan, report, state
from stack.failure import WrongUsage
from stack.process import Identity
from stack.state import Broker, Credentials, Deployment, Service, Stack


def service(name, port, identity=None):
    return Service(name, [port], ["mongod"], {}, f"/x/{name}", f"/x/{name}/log", identity)


def example(folder="/x"):
    members = [service("source-0", 20001, Identity(7, 8, "boot")), service("source-1", 20002)]
    source = Deployment("source", "6.0.27", "source", False, members, Credentials("admin", "p@ss/word"))
    standalone = Deployment("standalone", "5.0.4", None, False, [service("standalone-0", 20003)])
    kafka = Broker("127.0.0.1:20004", "4.1.2", service("kafka", 20004))
    return Stack("example", folder, {"source": source, "standalone": standalone}, kafka)


def request(*words):
    return arguments.request(arguments.parser().parse_args(["up", *words]))


class Saved(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        elsewhere = mock.patch.object(paths, "stacks", return_value=Path(temporary.name))
        elsewhere.start()
        self.addCleanup(elsewhere.stop)
        state.folder_of("example").mkdir()

    def test_is_read_back_equal(self):
        example().save()
        self.assertEqual(state.load("example"), example())
        self.assertEqual(state.names(), ["example"])

    def test_external_broker_is_read_back_equal(self):
        stack = Stack("example", "/x", {}, Broker("a:1,b:2", None, None))
        stack.save()
        self.assertEqual(state.load("example"), stack)

    def test_only_its_owner_can_read_it(self):
        example().save()
        mode = (state.folder_of("example") / "state.json").stat().st_mode
        self.assertEqual(stat.S_IMODE(mode), 0o600)

    def test_of_an_unknown_name_is_none(self):
        self.assertIsNone(state.load("unknown"))


class ConnectionStrings(unittest.TestCase):
    def test_name_all_members_the_set_and_the_login(self):
        expected = "mongodb://admin:p%40ss%2Fword@127.0.0.1:20001,127.0.0.1:20002/?replicaSet=source&authSource=admin"
        self.assertEqual(example().deployments["source"].uri, expected)

    def test_of_a_standalone_names_no_set(self):
        expected = "mongodb://127.0.0.1:20003/?directConnection=true"
        self.assertEqual(example().deployments["standalone"].uri, expected)

    def test_environment_is_quoted_for_a_shell(self):
        exports = report.exports(example()).splitlines()
        self.assertIn("export OPLOGUE_KAFKA__BROKERS=127.0.0.1:20004", exports)
        self.assertIn(
            "export STACK_STANDALONE_URI='mongodb://127.0.0.1:20003/?directConnection=true'", exports
        )


class Requests(unittest.TestCase):
    def test_own_value_goes_before_that_for_all(self):
        asked = request("--mongo", "target:4.4", "--mongo", "5.0", "--members", "source:3").mongo
        self.assertEqual([asked.one("source"), asked.one("target")], ["5.0", "4.4"])

    def test_parameters_keep_their_colons(self):
        asked = request("--set-parameter", "source:a=b:c", "--set-parameter", "d=e").parameters
        self.assertEqual([asked.every("source"), asked.every("target")], [["a=b:c", "d=e"], ["d=e"]])

    def test_standalone_is_added_to_what_is_asked_for(self):
        self.assertEqual(request("--only", "source", "--standalone").services, ["source", "standalone"])
        self.assertEqual(request().services, ["source", "target", "kafka"])

    def test_wrong_words_exit_with_2(self):
        wrong = [["--only", "mongos"], ["--members", "0"], ["--set-parameter", "x"], ["--name", "../x"]]
        for words in wrong:
            with self.subTest(words=words), mock.patch("sys.stderr"), self.assertRaises(SystemExit) as ended:
                request(*words)
            self.assertEqual(ended.exception.code, 2)

    def test_contradictions_to_what_runs_are_refused(self):
        for words in [["--mongo", "5.0"], ["--members", "3"], ["--standalone", "--auth"]]:
            with self.subTest(words=words), self.assertRaises(WrongUsage):
                plan.check(example(), request(*words))

    def test_what_agrees_with_what_runs_is_taken(self):
        for words in [[], ["--mongo", "source:6.0"], ["--members", "2"], ["--auth"]]:
            with self.subTest(words=words):
                plan.check(example(), request(*words))


class Services(unittest.TestCase):
    def test_unknown_name_tells_the_known_ones(self):
        with self.assertRaisesRegex(WrongUsage, "source-0, source-1, standalone-0, kafka"):
            example().service("source-7")
