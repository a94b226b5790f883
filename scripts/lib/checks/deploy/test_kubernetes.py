"""Kubernetes manifests: valid, complete, restricted."""

from __future__ import annotations

import unittest
import warnings

import kubernetes_validate

from deploy import files, images

FOLDER = "deploy/kubernetes"
OLDEST, NEWEST = "1.25", kubernetes_validate.latest_version()


def manifests() -> list[tuple[str, dict]]:
    """Every manifest with the file it stands in."""
    paths = [path for path in files.found(f"{FOLDER}/*.yaml") if not path.endswith("kustomization.yaml")]
    return [(path, document) for path in paths for document in files.documents(path)]


def deployments() -> dict[str, dict]:
    """The Deployments by name."""
    return {m["metadata"]["name"]: m for _, m in manifests() if m["kind"] == "Deployment"}


class Kubernetes(unittest.TestCase):
    def test_manifests_follow_the_schemas_of_old_and_new_releases(self):
        for path, manifest in manifests():
            for release in (OLDEST, NEWEST):
                with self.subTest(file=path, kind=manifest["kind"], release=release), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    kubernetes_validate.validate(manifest, release, strict=True)

    def test_kustomization_takes_every_manifest_but_the_example(self):
        kustomization = files.documents(f"{FOLDER}/kustomization.yaml")[0]
        there = {path.rpartition("/")[2] for path, _ in manifests()}
        self.assertEqual(set(kustomization["resources"]), there - {"secret.example.yaml"})
        for generator in kustomization["configMapGenerator"]:
            for name in generator["files"]:
                self.assertTrue((files.ROOT / FOLDER / name).exists(), name)

    def test_images_carry_the_workspace_version(self):
        kustomization = files.documents(f"{FOLDER}/kustomization.yaml")[0]
        self.assertEqual({image["newTag"] for image in kustomization["images"]}, {files.version()})
        for deployment in deployments().values():
            for container in deployment["spec"]["template"]["spec"]["containers"]:
                self.assertTrue(images.is_pinned(container["image"]))
                self.assertEqual(container["image"].rpartition(":")[2], files.version())

    def test_selectors_match_their_pods(self):
        for name, deployment in deployments().items():
            spec = deployment["spec"]
            wanted = spec["selector"]["matchLabels"]
            self.assertEqual(wanted, {"app.kubernetes.io/component": name})
            self.assertLessEqual(wanted.items(), spec["template"]["metadata"]["labels"].items())

    def test_pods_meet_the_restricted_standard(self):
        for name, deployment in deployments().items():
            with self.subTest(deployment=name):
                pod = deployment["spec"]["template"]["spec"]
                self.assertTrue(pod["securityContext"]["runAsNonRoot"])
                self.assertEqual(pod["securityContext"]["runAsUser"], 10001, "as in the Dockerfile")
                self.assertEqual(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault")
                self.assertFalse(pod["automountServiceAccountToken"])
                for container in pod["containers"]:
                    context = container["securityContext"]
                    self.assertFalse(context["allowPrivilegeEscalation"])
                    self.assertTrue(context["readOnlyRootFilesystem"])
                    self.assertEqual(context["capabilities"]["drop"], ["ALL"])

    def test_pods_are_probed_bounded_and_may_drain(self):
        for name, deployment in deployments().items():
            with self.subTest(deployment=name):
                pod = deployment["spec"]["template"]["spec"]
                self.assertGreaterEqual(pod["terminationGracePeriodSeconds"], 30)
                container = pod["containers"][0]
                self.assertEqual(container["livenessProbe"]["httpGet"]["path"], "/livez")
                self.assertEqual(container["readinessProbe"]["httpGet"]["path"], "/readyz")
                self.assertEqual(container["resources"]["limits"]["memory"], "256Mi")
                self.assertEqual(container["ports"][0]["containerPort"], 9464)

    def test_secret_example_has_the_keys_that_the_pods_mount(self):
        secret = files.documents(f"{FOLDER}/secret.example.yaml")[0]
        mounted = set()
        for deployment in deployments().values():
            for volume in deployment["spec"]["template"]["spec"]["volumes"]:
                if "secret" in volume:
                    self.assertEqual(volume["secret"]["secretName"], secret["metadata"]["name"])
                    mounted |= {item["key"] for item in volume["secret"]["items"]}
        self.assertEqual(mounted, set(secret["stringData"]))

    def test_producer_never_overlaps_itself(self):
        producer = deployments()["producer"]["spec"]
        self.assertEqual(producer["replicas"], 2, "one works, one stands by")
