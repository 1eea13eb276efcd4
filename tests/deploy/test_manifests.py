"""The Kubernetes manifests as `kubectl kustomize` renders them; no cluster takes part."""

import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from service.settings import Settings
from tests.deploy.prometheus_rule import OUTPUT, prometheus_rule

KUBERNETES = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
OVERLAYS = ("plain", "monitored", "gpu")
# From the oldest that a hospital may still run to the newest with a schema.
VERSIONS = [f"1.{minor}" for minor in range(28, 38)]
# Of the Prometheus operator: no part of Kubernetes' own schemas.
CUSTOM_KINDS = {"ServiceMonitor", "PrometheusRule"}
EXPECTED_KINDS = {
    *("Namespace", "ServiceAccount", "ConfigMap", "Service", "Deployment", "Ingress"),
    *("HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy"),
}
PREFIX = "CARDIOQUERY_"

Manifest = dict[str, Any]


def kubectl() -> str | None:
    """The client beside this interpreter, or on the PATH, if it knows components."""
    beside = Path(sys.executable).with_name("kubectl")
    command = str(beside) if beside.exists() else shutil.which("kubectl")
    if command is None:
        return None
    stated = subprocess.run(
        [command, "version", "--client"], capture_output=True, text=True, check=False
    ).stdout
    kustomize = re.search(r"Kustomize Version: v(\d+)", stated)
    return command if kustomize and int(kustomize.group(1)) >= 5 else None


@cache
def rendered(overlay: str) -> tuple[Manifest, ...]:
    """All objects of an overlay."""
    command = kubectl()
    if command is None:
        pytest.skip("no kubectl with kustomize 5 (kubectl 1.27 or newer) is on PATH")
    result = subprocess.run(
        [command, "kustomize", KUBERNETES / "overlays" / overlay],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    # Warnings of what is deprecated go to standard error.
    assert (result.returncode, result.stderr) == (0, "")
    return tuple(yaml.safe_load_all(result.stdout))


def one(overlay: str, kind: str) -> Manifest:
    (found,) = [manifest for manifest in rendered(overlay) if manifest["kind"] == kind]
    return found


def pod(overlay: str) -> dict[str, Any]:
    spec: dict[str, Any] = one(overlay, "Deployment")["spec"]["template"]["spec"]
    return spec


def container(overlay: str) -> dict[str, Any]:
    (found,) = pod(overlay)["containers"]
    return dict(found)


def environment(overlay: str) -> dict[str, str]:
    data: dict[str, str] = one(overlay, "ConfigMap")["data"]
    return data


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_everything_is_there(overlay: str) -> None:
    kinds = {manifest["kind"] for manifest in rendered(overlay)}
    monitored = CUSTOM_KINDS if overlay != "plain" else set()
    assert kinds == EXPECTED_KINDS | monitored


@pytest.mark.parametrize("version", VERSIONS)
def test_manifests_fit_the_schemas(overlay: str, version: str) -> None:
    for manifest in rendered(overlay):
        if manifest["kind"] not in CUSTOM_KINDS:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_a_field_that_no_schema_knows_is_noticed() -> None:
    broken = yaml.safe_load(yaml.safe_dump(one("plain", "Deployment")))
    broken["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[-1], strict=True)


def test_pods_are_as_restricted_as_the_pod_security_standard_asks(overlay: str) -> None:
    labels = one(overlay, "Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    spec, context = pod(overlay), container(overlay)["securityContext"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == image_user()
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert context == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert {key for volume in spec["volumes"] for key in volume} == {"name", "emptyDir", "secret"}
    assert spec["automountServiceAccountToken"] is False


def image_user() -> int:
    dockerfile = (KUBERNETES.parents[1] / "docker" / "service.Dockerfile").read_text()
    stated = re.search(r"^USER (\d+):\d+$", dockerfile, re.M)
    assert stated is not None
    return int(stated.group(1))


def test_settings_are_ones_that_the_service_knows_and_takes(
    overlay: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(overlay).items():
        monkeypatch.setenv(name, value)
    stated = {name.removeprefix(PREFIX).lower() for name in environment(overlay)}
    assert stated <= set(Settings.model_fields)
    settings = Settings()
    assert settings.workers * settings.max_concurrent_diagnoses == 1
    assert settings.providers == (("cuda", "cpu") if overlay == "gpu" else ("cpu",))


def test_no_secret_is_among_the_settings(overlay: str) -> None:
    assert not [m for m in rendered(overlay) if m["kind"] == "Secret"]
    assert "@" not in environment(overlay)["CARDIOQUERY_REDIS_URL"]
    mounted = {mount["mountPath"] for mount in container(overlay)["volumeMounts"]}
    for name in ("CARDIOQUERY_REDIS_PASSWORD_FILE", "CARDIOQUERY_API_KEYS_FILE"):
        assert str(Path(environment(overlay)[name]).parent) in mounted


def test_a_roll_out_loses_no_request(overlay: str) -> None:
    strategy = one(overlay, "Deployment")["spec"]["strategy"]
    assert strategy["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    probe = container(overlay)["readinessProbe"]
    assert probe["httpGet"] == {"path": "/readyz?exclude=store", "port": "http"}
    drain_s = float(environment(overlay)["CARDIOQUERY_DRAIN_S"])
    # Out of the load balancing before the port is closed ...
    assert drain_s > probe["periodSeconds"] * probe["failureThreshold"]
    # ... and no one is killed while something is in flight.
    fields = Settings.model_fields
    single_s = fields["upload_timeout_s"].default + fields["request_deadline_s"].default
    batch_s = float(environment(overlay)["CARDIOQUERY_BATCH_DEADLINE_S"])
    assert pod(overlay)["terminationGracePeriodSeconds"] > drain_s + max(single_s, batch_s)


def test_one_replica_may_go_at_any_time(overlay: str) -> None:
    assert one(overlay, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    assert one(overlay, "HorizontalPodAutoscaler")["spec"]["minReplicas"] >= 2
    assert "replicas" not in one(overlay, "Deployment")["spec"]


def test_every_selector_finds_the_pods(overlay: str) -> None:
    labels = one(overlay, "Deployment")["spec"]["template"]["metadata"]["labels"].items()
    assert one(overlay, "Deployment")["spec"]["selector"]["matchLabels"].items() <= labels
    assert one(overlay, "Service")["spec"]["selector"].items() <= labels
    assert one(overlay, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"].items() <= labels
    for policy in (m for m in rendered(overlay) if m["kind"] == "NetworkPolicy"):
        assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels


def test_only_names_and_redis_are_reached_from_the_pods(overlay: str) -> None:
    rules = [
        rule
        for policy in rendered(overlay)
        if policy["kind"] == "NetworkPolicy"
        for rule in policy["spec"].get("egress", ())
    ]
    assert sorted({port["port"] for rule in rules for port in rule["ports"]}) == [53, 6379]
    (names,) = [rule["to"] for rule in rules if "to" in rule]
    assert names[0]["podSelector"] == {"matchLabels": {"k8s-app": "kube-dns"}}


def test_metrics_are_not_published(overlay: str) -> None:
    (rule,) = one(overlay, "Ingress")["spec"]["rules"]
    paths = [path["path"] for path in rule["http"]["paths"]]
    assert "/diagnose" in paths
    assert "/metrics" not in paths
    assert "/" not in paths


def test_pods_scale_by_the_queue_where_it_is_measured() -> None:
    (cpu,) = one("plain", "HorizontalPodAutoscaler")["spec"]["metrics"]
    assert cpu["resource"]["name"] == "cpu"
    first, second = one("monitored", "HorizontalPodAutoscaler")["spec"]["metrics"]
    rules = yaml.safe_load((KUBERNETES / "components/monitoring/adapter-rules.yaml").read_text())
    assert first["pods"]["metric"]["name"] == rules["rules"][0]["name"]["as"]
    assert second == cpu


def test_a_gpu_is_asked_for_in_the_gpu_overlay_only() -> None:
    assert container("gpu")["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert container("gpu")["image"].endswith("-gpu")
    assert "nvidia.com/gpu" not in container("plain")["resources"]["limits"]


def test_the_rules_object_is_made_of_the_rules() -> None:
    assert yaml.safe_load(OUTPUT.read_text()) == prometheus_rule()


def test_prometheus_selects_the_service_under_the_rules_name_of_the_job() -> None:
    monitor, service = one("monitored", "ServiceMonitor"), one("monitored", "Service")
    assert (
        monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    )
    # The operator takes the service's name for the job.
    assert service["metadata"]["name"] == "cardioquery"
