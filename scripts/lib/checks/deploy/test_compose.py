"""docker-compose.yml: readable by Compose, closed to the network, no more rights than needed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import unittest
from pathlib import Path

import check_jsonschema
import jsonschema

from deploy import files, images

OURS = ("producer", "worker")


def compose_command() -> list[str] | None:
    """The machine's Compose, if it has one; reading a file needs no engine."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]):
            asked = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, check=False)
            if asked.returncode == 0 and asked.stdout.strip().lstrip("v")[0] not in "01":
                return command
    return None


class Compose(unittest.TestCase):
    def test_follows_the_compose_specification(self):
        folder = Path(check_jsonschema.__file__).parent / "builtin_schemas" / "vendor"
        schema = json.loads((folder / "compose-spec.json").read_text())
        validator = jsonschema.validators.validator_for(schema)(schema)
        problems = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(files.compose())]
        self.assertEqual(problems, [])

    def test_compose_itself_reads_it_where_it_is_there(self):
        if command := compose_command():
            read = [*command, "--file", str(files.ROOT / "docker-compose.yml"), "--profile", "*", "config", "--quiet"]
            done = subprocess.run(read, capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_images_are_pinned(self):
        for name, service in files.services().items():
            with self.subTest(service=name):
                self.assertTrue(images.is_pinned(service["image"]), service["image"])

    def test_our_images_carry_the_workspace_version(self):
        for name, service in files.services().items():
            with self.subTest(service=name):
                if "build" in service:
                    self.assertEqual(service["image"].rpartition(":")[2], files.version())

    def test_servers_are_those_that_the_tests_run_against(self):
        versions = files.versions()
        wanted = {"mongo": versions["mongodb"]["default"], "apache/kafka": versions["kafka"]["version"]}
        for name, service in files.services().items():
            with self.subTest(service=name):
                image, _, tag = service["image"].rpartition(":")
                self.assertEqual(tag, wanted.get(image, tag))

    def test_ports_are_published_on_loopback_only(self):
        for name, service in files.services().items():
            with self.subTest(service=name):
                for port in service.get("ports", []):
                    self.assertRegex(port, r"^127\.0\.0\.1:\d+:\d+$")

    def test_no_two_services_publish_one_port(self):
        ports = [port.split(":")[1] for service in files.services().values() for port in service.get("ports", [])]
        self.assertEqual(len(ports), len(set(ports)), ports)

    def test_worker_scales(self):
        worker = files.services()["worker"]
        self.assertEqual({"container_name", "ports", "hostname"} & worker.keys(), set())

    def test_servers_report_their_health(self):
        for name, service in files.services().items():
            with self.subTest(service=name):
                if name != "generator":
                    self.assertIn("test", service["healthcheck"])

    def test_dependencies_are_awaited_healthy(self):
        for name, service in files.services().items():
            with self.subTest(service=name):
                awaited = service.get("depends_on", {})
                if name != "grafana":
                    self.assertEqual({rule["condition"] for rule in awaited.values()} - {"service_healthy"}, set())

    def test_nothing_has_more_rights_or_grows_without_bound(self):
        for name, service in files.services().items():
            with self.subTest(service=name):
                self.assertEqual(service["cap_drop"], ["ALL"])
                self.assertEqual(service["security_opt"], ["no-new-privileges:true"])
                self.assertEqual(service["restart"], "unless-stopped")
                self.assertEqual(service["logging"]["options"], {"max-size": "10m", "max-file": "3"})
                self.assertIn("mem_limit", service)

    def test_ours_keep_nothing_and_may_drain(self):
        for name in OURS:
            service = files.services()[name]
            self.assertEqual((service["read_only"], service["mem_limit"]), (True, "256m"))
            self.assertGreaterEqual(int(service["stop_grace_period"].removesuffix("s")), 25)
            self.assertTrue(all(volume.endswith(":ro") for volume in service["volumes"]), service["volumes"])

    def test_mounted_files_exist(self):
        for name, service in files.services().items():
            with self.subTest(service=name):
                for volume in service.get("volumes", []):
                    source = volume.split(":")[0]
                    if source.startswith("."):
                        self.assertTrue((files.ROOT / source).exists(), source)
                    else:
                        self.assertIn(source, files.compose()["volumes"])

    def test_build_targets_exist(self):
        for name, service in files.services().items():
            with self.subTest(service=name):
                if build := service.get("build"):
                    dockerfile = str((Path(build["context"]) / "Dockerfile"))
                    self.assertIn(build.get("target", "final"), [stage.name for stage in images.stages(dockerfile)])

    def test_kafka_suits_the_design(self):
        kafka = files.services()["kafka"]["environment"]
        self.assertEqual(kafka["KAFKA_AUTO_CREATE_TOPICS_ENABLE"], "false")
        largest = kafka["KAFKA_MESSAGE_MAX_BYTES"]
        self.assertGreater(largest, 100 * 2**20, "canonical JSON of a 16 MB document has room")
        self.assertGreaterEqual(kafka["KAFKA_REPLICA_FETCH_MAX_BYTES"], largest)
        self.assertGreater(kafka["KAFKA_SOCKET_REQUEST_MAX_BYTES"], largest)
        self.assertEqual(kafka["KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR"], 1)
        self.assertEqual(kafka["KAFKA_TRANSACTION_STATE_LOG_MIN_ISR"], 1)

    def test_kafka_tells_host_clients_the_published_port(self):
        kafka = files.services()["kafka"]
        listener = re.search(r"HOST://127\.0\.0\.1:(\d+)", kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"])
        self.assertEqual(kafka["ports"], [f"127.0.0.1:{listener[1]}:29092"])
