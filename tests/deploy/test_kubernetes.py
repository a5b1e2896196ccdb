"""The Kubernetes manifests: valid by Kubernetes' own schemas, whole, and in step with the code that they run."""

import copy
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import typer
import yaml
from manifests import (
    FOLDER,
    KUSTOMIZATION,
    ROOT,
    Manifest,
    bytes_of,
    container,
    manifests,
    name_of,
    named,
    pods,
)

from runners.beam_options import split_beam_options
from runners.cli.app import app
from runners.clusters.flink_config import DEFAULT_PORTS, FlinkShape, flink_settings
from runners.clusters.flink_jars import FLINK_VERSION
from runners.clusters.java import MODULE_FLAGS
from runners.flink_target import option_value
from serving.http.health import HEALTH_PATHS

VERSIONS = ("1.29", "1.37")
"""The oldest and the newest Kubernetes that the page names."""
JOB = container(dict(pods())["Job/interestream"], "interestream")
CONFIGURATION: dict[str, Any] = yaml.safe_load(
    named("ConfigMap", "flink-configuration")["data"]["config.yaml"]
)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("manifest", manifests(), ids=name_of)
def test_every_manifest_is_valid(manifest: Manifest, version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("change", ["a field that does not exist", "a wrong type", "a missing field"])
def test_what_is_not_valid_is_found(change: str) -> None:
    broken = copy.deepcopy(named("Deployment", "flink-taskmanager"))
    if change == "a field that does not exist":
        broken["spec"]["template"]["spec"]["containers"][0]["volumeMount"] = []
    elif change == "a wrong type":
        broken["spec"]["replicas"] = "two"
    else:
        del broken["spec"]["selector"]
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[-1], strict=True)


def test_every_file_is_applied_and_no_object_twice() -> None:
    assert {path.name for path in FOLDER.glob("*.yaml")} == {
        *KUSTOMIZATION["resources"],
        "kustomization.yaml",
    }
    names = [name_of(each) for each in manifests()]
    assert len(names) == len(set(names))
    assert named("Namespace", KUSTOMIZATION["namespace"])


@pytest.mark.parametrize(("owner", "pod"), pods(), ids=lambda case: case if isinstance(case, str) else "")
def test_what_a_pod_refers_to_is_there(owner: str, pod: Manifest) -> None:
    names = {name_of(each) for each in manifests()}
    spec = pod["spec"]
    volumes = {each["name"] for each in spec.get("volumes", ())}
    for volume in spec.get("volumes", ()):
        if "configMap" in volume:
            assert f"ConfigMap/{volume['configMap']['name']}" in names
        if "persistentVolumeClaim" in volume:
            assert f"PersistentVolumeClaim/{volume['persistentVolumeClaim']['claimName']}" in names
    kind, name = owner.split("/")
    volumes |= {
        each["metadata"]["name"] for each in named(kind, name)["spec"].get("volumeClaimTemplates", ())
    }
    assert {mount["name"] for each in spec["containers"] for mount in each.get("volumeMounts", ())} == volumes
    if "serviceAccountName" in spec:
        assert f"ServiceAccount/{spec['serviceAccountName']}" in names
    for each in spec["containers"]:
        ports = {port["name"] for port in each.get("ports", ())}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            handler = each.get(probe, {}).get("httpGet") or each.get(probe, {}).get("tcpSocket") or {}
            assert handler.get("port") in {None, *ports}


@pytest.mark.parametrize(("owner", "pod"), pods(), ids=lambda case: case if isinstance(case, str) else "")
def test_pods_are_bounded_unprivileged_and_of_named_versions(owner: str, pod: Manifest) -> None:
    ours = {each["name"] for each in KUSTOMIZATION["images"]}
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    for each in pod["spec"]["containers"]:
        assert each["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} <= each["resources"]["requests"].keys()
        assert "memory" in each["resources"]["limits"]
        assert each["image"] in ours or each["image"].partition(":")[2] not in ("", "latest")


def test_selectors_choose_their_own_pods_and_services_reach_them() -> None:
    chosen = []
    for owner, pod in pods():
        kind, name = owner.split("/")
        labels = pod["metadata"]["labels"]
        if kind != "Job":
            assert named(kind, name)["spec"]["selector"]["matchLabels"] == labels
        chosen.append(labels)
    assert len({str(labels) for labels in chosen}) == len(chosen)
    for service in (each for each in manifests() if each["kind"] == "Service"):
        [pod] = [pod for _, pod in pods() if pod["metadata"]["labels"] == service["spec"]["selector"]]
        offered = {
            port["name"]: port["containerPort"]
            for each in pod["spec"]["containers"]
            for port in each["ports"]
        }
        for port in service["spec"]["ports"]:
            assert offered[port["targetPort"]] == port["port"]


def test_the_job_is_a_command_that_exists_and_finds_what_is_there() -> None:
    name, *rest = JOB["args"]
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    known = {flag: option for option in command.params for flag in option.opts}
    assert {word.partition("=")[0] for word in rest if word.startswith("--")} - known.keys() == {
        "--flink_master", "--environment_type", "--environment_config", "--state_backend_storage_path", "--parallelism",
    }  # fmt: skip
    beams = [word for word in rest if word.partition("=")[0] not in known]
    [source], options = split_beam_options(beams, known)
    assert source.startswith("kafka://")
    services = {each["metadata"]["name"]: each for each in manifests() if each["kind"] == "Service"}
    for address in (option_value(options, "--flink_master"), option_value(rest, "--redis")):
        host, port = str(address).removeprefix("redis://").removesuffix("/0").split(":")
        assert int(port) in [each["port"] for each in services[host]["spec"]["ports"]]
    assert option_value(rest, "--data-dir") in [mount["mountPath"] for mount in JOB["volumeMounts"]]
    assert option_value(options, "--state_backend_storage_path") == CONFIGURATION["state.checkpoints.dir"]


def test_the_api_is_a_command_that_exists_and_finds_what_is_there() -> None:
    serve = container(dict(pods())["Deployment/serve"], "serve")
    name, *rest = serve["args"]
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    assert {word.partition("=")[0] for word in rest} <= {
        flag for each in command.params for flag in each.opts
    }
    assert option_value(rest, "--redis") == option_value(JOB["args"], "--redis")
    assert int(option_value(rest, "--port") or 0) == serve["ports"][0]["containerPort"]
    folders = [mount["mountPath"] for mount in serve["volumeMounts"]]
    assert str(Path(option_value(rest, "--keys") or "").parent) in folders
    assert {
        serve[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")
    } == set(HEALTH_PATHS)


def test_the_api_alone_is_reached_from_outside_the_namespace() -> None:
    policies = [each["spec"] for each in manifests() if each["kind"] == "NetworkPolicy"]
    assert {} in [each["podSelector"] for each in policies]
    wide = [
        (each["podSelector"]["matchLabels"]["component"], [port["port"] for port in rule["ports"]])
        for each in policies
        for rule in each["ingress"]
        if "from" not in rule
    ]
    assert wide == [("serve", ["http"])]


def test_the_worker_pool_listens_where_the_job_says() -> None:
    pool = container(dict(pods())["Deployment/flink-taskmanager"], "worker-pool")
    [port] = [each["containerPort"] for each in pool["ports"]]
    assert f"--service_port={port}" in pool["command"]
    assert f"--environment_config=localhost:{port}" in JOB["args"]
    assert pool["image"] == JOB["image"]


def test_flink_is_configured_as_the_cluster_that_was_tested() -> None:
    tested = flink_settings(Path("/x"), FlinkShape(), DEFAULT_PORTS)
    elsewhere = ("address", "host", "dir", "dirs", "high-availability", "slots", "default", "web.timeout")
    same = {name: value for name, value in tested.items() if not any(part in name for part in elsewhere)}
    # Here the jars come with the job, and not on the cluster's class path.
    del same["classloader.resolve-order"]
    assert {name: CONFIGURATION.get(name) for name in same} == same
    assert CONFIGURATION["env.java.opts.all"].split() == list(MODULE_FLAGS)
    images = {each["image"] for _, pod in pods() for each in pod["spec"]["containers"]}
    assert [image for image in images if image.startswith("flink:")] == [
        f"flink:{FLINK_VERSION}-scala_2.12-java17"
    ]


@pytest.mark.parametrize("name", ["jobmanager", "taskmanager"])
def test_flink_has_the_memory_and_the_ports_that_it_is_told(name: str) -> None:
    process = container(dict(pods())[f"Deployment/flink-{name}"], name)
    memory = CONFIGURATION[f"{name}.memory.process.size"]
    assert bytes_of(process["resources"]["limits"]["memory"]) == bytes_of(memory)
    assert int(CONFIGURATION[f"{name}.rpc.port"]) in [port["containerPort"] for port in process["ports"]]
    mounted = [mount["mountPath"] for mount in process["volumeMounts"]]
    for setting in ("state.checkpoints.dir", "state.savepoints.dir", "high-availability.storageDir"):
        folder = CONFIGURATION[setting].removeprefix("file://")
        assert any(folder == path or folder.startswith(f"{path}/") for path in mounted)


def test_one_pod_can_be_lost() -> None:
    slots = CONFIGURATION["taskmanager.numberOfTaskSlots"]
    replicas = named("Deployment", "flink-taskmanager")["spec"]["replicas"]
    assert int(option_value(JOB["args"], "--parallelism") or 0) <= slots * (replicas - 1)
    assert CONFIGURATION["kubernetes.namespace"] == KUSTOMIZATION["namespace"]


def test_the_image_copies_what_is_there_and_runs_as_flink_does() -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    copied = [line.split()[1:-1] for line in dockerfile.splitlines() if line.startswith("COPY")]
    assert all((ROOT / name).exists() for names in copied for name in names)
    users = {pod["spec"]["securityContext"]["runAsUser"] for owner, pod in pods() if "redis" not in owner}
    assert users == {9999}
    assert "--uid 9999" in dockerfile
