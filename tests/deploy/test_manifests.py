"""What the chart gives, held to Kubernetes' own schemas and to our rules: the committed manifests, so without Helm."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from typing import Any

import pytest
import yaml

import codeact.sandbox.kubernetes as kubernetes
from codeact.sandbox.kubernetes.pod import Place
from codeact.sandbox.kubernetes.refusals import ROLE

from ..sandbox.loopback import admission  # noqa: TID252  # tests are no package that has a name
from .manifests import NAMES, containers, everything, manifests, of_kind, templates

SECRET = re.compile(r"password|token|secret|api_?key|database", re.IGNORECASE)


def identity(manifest: dict[str, Any]) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


@pytest.mark.parametrize("manifest", everything(), ids=identity)
def test_each_manifest_keeps_the_strict_schema_of_its_kind(manifest: dict[str, Any]) -> None:
    assert [error.message for error in admission.schema(manifest["kind"]).iter_errors(manifest)] == []


def test_a_misspelt_field_would_be_found() -> None:
    [found, *_] = of_kind("Deployment")
    wrong = {**found, "spec": {**found["spec"], "replica": 1}}
    assert list(admission.schema("Deployment").iter_errors(wrong))


@pytest.mark.parametrize("pod", templates(), ids=lambda pod: pod["metadata"]["labels"]["app.kubernetes.io/component"])
def test_each_pod_would_be_admitted_under_the_standard_restricted(pod: dict[str, Any]) -> None:
    admission.admit("Pod", {"apiVersion": "v1", "kind": "Pod", **pod, "metadata": {"name": "pod"}}, set())


def test_no_role_has_a_wildcard_and_none_is_of_the_whole_cluster() -> None:
    assert not of_kind("ClusterRole")
    assert not of_kind("ClusterRoleBinding")
    for role in of_kind("Role"):
        for rule in role["rules"]:
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
            assert "secrets" not in rule["resources"]


def test_the_role_is_the_least_one_of_the_sandbox_in_the_namespace_of_sessions_only() -> None:
    least = yaml.safe_load(ROLE.read_text())["rules"]
    for name in NAMES:
        [namespace] = [each["metadata"]["name"] for each in of_kind("Namespace", name)]
        [role], [binding] = of_kind("Role", name), of_kind("RoleBinding", name)
        assert role["rules"] == least
        assert role["metadata"]["namespace"] == binding["metadata"]["namespace"] == namespace
        assert binding["roleRef"]["name"] == role["metadata"]["name"]
        assert [(each["name"], each["namespace"]) for each in binding["subjects"]] == [("chat-codeact", "chat")]


def test_only_the_service_may_speak_to_the_api_server() -> None:
    [account, *_] = of_kind("ServiceAccount")
    assert account["automountServiceAccountToken"] is False
    for pod in templates():
        is_service = pod["metadata"]["labels"]["app.kubernetes.io/component"] == "service"
        assert pod["spec"]["automountServiceAccountToken"] is is_service
        assert ("serviceAccountName" in pod["spec"]) is is_service


def test_no_pod_shares_anything_of_its_node() -> None:
    for pod in templates():
        assert not {"hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"} & set(pod["spec"])
        for volume in pod["spec"]["volumes"]:
            assert set(volume) - {"name"} <= {"emptyDir", "secret", "persistentVolumeClaim"}, volume
            assert "sizeLimit" in volume.get("emptyDir", {"sizeLimit": ""}), f"{volume['name']} could fill its node"


def test_each_container_has_a_read_only_root_an_ordinary_user_and_no_rights() -> None:
    for pod in templates():
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        assert pod["spec"]["securityContext"]["runAsUser"] > 0
        assert pod["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in containers():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_each_container_is_limited_and_probed() -> None:
    for container in containers():
        for bound in ("requests", "limits"):
            assert {"cpu", "memory", "ephemeral-storage"} <= set(container["resources"][bound])
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container)


def test_each_image_has_a_version() -> None:
    for container in containers():
        _, colon, tag = container["image"].rpartition("/")[2].partition(":")
        assert colon, container["image"]
        assert re.search(r"\d", tag), container["image"]


def test_secrets_are_files_and_never_in_variables_or_arguments() -> None:
    for container in containers():
        for variable in container.get("env", []):
            assert variable.get("valueFrom", {}).keys() <= {"fieldRef"}, variable  # what is the pod's own
            if SECRET.search(variable["name"]):
                assert variable["name"].endswith("_FILE"), variable
                assert variable["value"].startswith("/run/secrets/"), variable
        assert not [each for each in container.get("args", []) if re.match(r"--(token|database|api-key)\b", each)]
    assert not of_kind("Secret")
    assert not of_kind("ConfigMap")


def matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


@pytest.mark.parametrize("name", NAMES)
def test_every_pod_is_closed_both_ways_and_opened_by_one_policy(name: str) -> None:
    policies = [each for each in of_kind("NetworkPolicy", name) if "namespace" not in each["metadata"]]
    for pod in templates(name):
        labels = pod["metadata"]["labels"]
        chosen = [each["spec"] for each in policies if matches(each["spec"]["podSelector"], labels)]
        assert all(spec["policyTypes"] == ["Ingress", "Egress"] for spec in chosen)
        assert sorted(bool(spec.get("ingress") or spec.get("egress")) for spec in chosen) == [False, True]


@pytest.mark.parametrize("name", NAMES)
def test_sessions_reach_nothing_and_nothing_reaches_them(name: str) -> None:
    [namespace] = of_kind("Namespace", name)
    inside = [each for each in of_kind("NetworkPolicy", name) if "namespace" in each["metadata"]]
    assert [each["metadata"]["namespace"] for each in inside] == [namespace["metadata"]["name"]]
    assert [each["spec"] for each in inside] == [{"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}]
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_no_way_leads_anywhere_on_any_port() -> None:
    for policy in of_kind("NetworkPolicy"):
        for way in [*policy["spec"].get("ingress", []), *policy["spec"].get("egress", [])]:
            assert way["ports"], policy
            assert way.get("to") or way.get("from"), policy
            for peer in [*way.get("to", []), *way.get("from", [])]:
                if peer.get("ipBlock", {}).get("cidr") == "0.0.0.0/0":
                    assert peer["ipBlock"]["except"] == ["169.254.0.0/16"]  # a cloud's metadata


@pytest.mark.parametrize("name", NAMES)
def test_services_and_budgets_choose_pods_that_there_are(name: str) -> None:
    labels = [pod["metadata"]["labels"] for pod in templates(name)]
    for service in of_kind("Service", name):
        [chosen] = [each for each in labels if matches({"matchLabels": service["spec"]["selector"]}, each)]
        assert chosen["app.kubernetes.io/instance"] == "chat"
    for budget in of_kind("PodDisruptionBudget", name):
        assert sum(matches(budget["spec"]["selector"], each) for each in labels) == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_pod_may_take_as_long_to_end_as_its_drain(name: str) -> None:
    [pod] = [each for each in templates(name) if each["spec"].get("serviceAccountName")]
    [container] = pod["spec"]["containers"]
    [drain] = [int(each.partition("=")[2]) for each in container["args"] if each.startswith("--drain=")]
    settle = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["spec"]["terminationGracePeriodSeconds"] >= settle + drain + 40
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"


def test_replicas_are_the_autoscaler_s_where_there_is_one() -> None:
    scaled = {name: bool(of_kind("HorizontalPodAutoscaler", name)) for name in NAMES}
    assert scaled == {"outside": False, "whole": True}
    for name, is_scaled in scaled.items():
        [service] = [each for each in of_kind("Deployment", name) if each["metadata"]["name"] == "chat-codeact"]
        assert ("replicas" in service["spec"]) is not is_scaled


def options(name: str) -> list[tuple[str, str]]:
    [pod] = [each for each in templates(name) if each["spec"].get("serviceAccountName")]
    [command, *given] = pod["spec"]["containers"][0]["args"]
    assert command == "serve"
    return [(flag, value) for flag, _, value in (each.partition("=") for each in given)]


def test_the_sandbox_knows_the_options_that_it_is_given() -> None:
    known = {field.name for field in fields(Place)} | set(inspect.signature(kubernetes.KubernetesSandbox).parameters)
    given = {value.partition("=")[0] for name in NAMES for flag, value in options(name) if flag == "--sandbox-option"}
    assert {"namespace", "image"} < given <= known


def test_each_document_has_a_name_of_its_own() -> None:
    for name in NAMES:
        names = [
            (each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in manifests(name)
        ]
        assert len(set(names)) == len(names)
