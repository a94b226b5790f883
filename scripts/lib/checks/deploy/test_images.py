"""Dockerfiles: sound, pinned, not root; what they copy is there."""

from __future__ import annotations

import re
import subprocess
import tomllib
import unittest

from deploy import files, images

DOCKERFILES = ("Dockerfile", "deploy/connect/Dockerfile")


class Images(unittest.TestCase):
    def test_hadolint_has_no_complaint(self):
        paths = [str(files.ROOT / path) for path in DOCKERFILES]
        done = subprocess.run(["hadolint", *paths], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_bases_are_pinned(self):
        for path in DOCKERFILES:
            stages = images.stages(path)
            own = {stage.name for stage in stages}
            for stage in stages:
                with self.subTest(dockerfile=path, stage=stage.name):
                    self.assertTrue(stage.image in own or images.is_pinned(stage.image), stage.image)

    def test_builder_is_the_workspace_toolchain(self):
        channel = tomllib.loads(files.text("rust-toolchain.toml"))["toolchain"]["channel"]
        self.assertEqual(images.stages("Dockerfile")[0].image, f"rust:{channel}-bookworm")

    def test_copied_files_exist(self):
        for path in DOCKERFILES:
            folder = (files.ROOT / path).parent
            for stage in images.stages(path):
                for copy in stage.of("COPY"):
                    if not copy.startswith("--from="):
                        for source in copy.split()[:-1]:
                            self.assertTrue((folder / source).exists(), f"{path}: COPY {copy}")

    def test_whole_workspace_enters_the_context(self):
        listed = files.text(".dockerignore").splitlines()
        self.assertIn("*", listed, "the list says what may enter, so it begins by keeping all out")
        allowed = {line[1:] for line in listed if line.startswith("!")}
        members = tomllib.loads(files.text("Cargo.toml"))["workspace"]["members"]
        # `.cargo`: how the allocator is set.
        needed = {".cargo", "Cargo.toml", "Cargo.lock", *(member.split("/")[0] for member in members)}
        self.assertEqual(allowed, needed)

    def test_final_images_are_not_root_and_stop_by_sigterm(self):
        base = next(stage for stage in images.stages("Dockerfile") if stage.name == "base")
        self.assertEqual(base.of("USER"), ["10001:10001"])
        self.assertEqual(base.of("STOPSIGNAL"), ["SIGTERM"])
        self.assertEqual(base.of("EXPOSE"), ["9464"])
        for name in ("producer", "worker"):
            stage = next(stage for stage in images.stages("Dockerfile") if stage.name == name)
            self.assertEqual(stage.image, "base")
            self.assertEqual(stage.of("ENTRYPOINT"), [f'["{name}"]'])

    def test_label_carries_the_workspace_version(self):
        label = re.search(r'org\.opencontainers\.image\.version="([^"]+)"', files.text("Dockerfile"))
        self.assertEqual(label[1], files.version())

    def test_connect_plugins_are_checked_and_its_kafka_is_ours(self):
        content = files.text("deploy/connect/Dockerfile")
        for line in files.text("deploy/connect/SHA256SUMS").splitlines():
            self.assertIn(line.split()[1], content)
        self.assertEqual(images.stages("deploy/connect/Dockerfile")[-1].image, files.services()["kafka"]["image"])
