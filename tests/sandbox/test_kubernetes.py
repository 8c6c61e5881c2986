"""Pods by the real protocol, on a cluster of this machine's own: what is asked for, what is around a session, that
nothing of it stays, and what is said when a cluster refuses.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import pytest
import yaml

from codeact.errors import IsolationError, SandboxError, SetupError, UnsupportedError, UsageError
from codeact.sandbox import Limits, Session, sandbox
from codeact.sandbox.base import MiB
from codeact.sandbox.kubernetes import KubernetesSandbox, pod, refusals
from codeact.sandbox.kubernetes.pod import Place
from codeact.sandbox.session import BoxSession

from .loopback.admission import RefusedError, admit
from .loopback.server import Cluster

pytestmark = pytest.mark.anyio

LIMITS = Limits(memory=512 * MiB, total_memory=1024 * MiB, processes=32, workspace=32 * MiB)
PATIENCE = 60  # seconds
BIG = bytes(range(256)) * 12_000

HOST = """
import anyio, sys
from codeact.sandbox.kubernetes import KubernetesSandbox

async def main():
    async with KubernetesSandbox(kubeconfig=sys.argv[1], preload=()).open() as session:
        await session.run("import subprocess; subprocess.Popen(['sleep', '600'])")
        print("ready", flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


@pytest.fixture
def there(loopback: Cluster) -> Iterator[Cluster]:
    """The cluster with its usual settings, and nothing left on it."""
    usual = {
        name: getattr(loopback, name) for name in ("token", "keeps_policies", "quota", "mutate", "haste", "protocols")
    }
    yield loopback
    for name, value in usual.items():
        setattr(loopback, name, value)
    loopback.denied.clear()
    assert not loopback.policies.keys() - loopback.pods.keys()


def _place(there: Cluster, **options: Any) -> KubernetesSandbox:
    return KubernetesSandbox(kubeconfig=there.kubeconfig, preload=(), **options)


@pytest.fixture(scope="module")
async def in_pod(loopback: Cluster) -> AsyncIterator[BoxSession]:
    """One session for all that look and change nothing."""
    async with _place(loopback).open(limits=LIMITS) as session:
        yield session


async def test_a_pod_is_reported_by_what_holds(in_pod: BoxSession) -> None:
    assert in_pod.info.isolation == in_pod.isolation.level == "container"
    assert in_pod.isolation.missing == ()
    details = {layer.name: layer.detail for layer in in_pod.isolation.layers}
    assert "v1.36.0-loopback" in details["container"]
    assert "could not be reached" in details["network"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("open('/proc/self/status').read().split('CapBnd:')[1].split()[0]", "'0000000000000000'"),
        ("open('/proc/self/status').read().split('NoNewPrivs:')[1].split()[0]", "'1'"),
        ("os.getuid() in range(0x7000_0000, 0x7100_0000), os.getgid() == os.getuid()", "(True, True)"),
        ("[name for name in os.environ if 'KUBE' in name or 'TOKEN' in name]", "[]"),
        ("os.path.exists('/var/run/secrets')", "False"),
        ("tempfile.TemporaryFile().write(b'x'), open('/dev/shm/x', 'w').write('x')", "(1, 1)"),
    ],
)
async def test_what_code_in_a_pod_sees(in_pod: Session, code: str, expected: str) -> None:
    assert (await in_pod.run(f"import os, tempfile\n{code}")).value == expected


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("open('/usr/x', 'w')", "OSError"),
        ("open('/x', 'w')", "OSError"),
        ("open('/proc/1/mem', 'rb')", "PermissionError"),
        ("os.kill(os.getppid(), 9)", "PermissionError"),
        ("os.setuid(0)", "PermissionError"),
        ("socket.create_connection(('127.0.0.1', 22), 2)", "OSError"),
        ("open('big', 'wb').write(bytes(64 << 20))", "OSError"),
        ("bytearray(1 << 30)", "MemoryError"),
    ],
)
async def test_what_code_in_a_pod_may_not(in_pod: Session, code: str, error: str) -> None:
    problem = (await in_pod.run(f"import os, socket\n{code}")).error
    assert problem is not None
    assert problem.name == error or error == "OSError"
    await in_pod.run("!rm -f big")


async def test_state_files_and_output_go_over_the_stream(in_pod: Session) -> None:
    await in_pod.run("kept = 1")
    result = await in_pod.run("print('before'); import time; time.sleep(600)", time_limit=0.5)
    assert result.error is not None
    assert (result.stdout, result.error.kind, result.state) == ("before\n", "timeout", "kept")
    await in_pod.put("file.bin", BIG)
    assert await in_pod.get("file.bin") == BIG
    assert (await in_pod.run("print('x' * 3_000_000)")).dropped == 0
    assert (await in_pod.run("kept")).value == "1"
    await in_pod.run("import subprocess; subprocess.Popen(['sleep', '600'], start_new_session=True)")
    assert (await in_pod.run("import os; os._exit(3)")).error is not None
    assert (await in_pod.run("!ps ax")).stdout.count("sleep 600") == 0
    assert await in_pod.get("file.bin") == BIG


async def _until(true: Callable[[], bool]) -> None:
    with anyio.fail_after(PATIENCE):
        while not true():  # noqa: ASYNC110 (the cluster lives in another thread)
            await anyio.sleep(0.05)


def _has_ended(there: Cluster, name: str) -> bool:
    return there.pods[name].body["status"]["phase"] in ("Failed", "Succeeded")


async def _run_until_its_end(place: KubernetesSandbox, there: Cluster, end: Callable[[str], None]) -> None:
    """Use a session in an open network for as long as it lives; `end` gets the name of its pod."""
    before = set(there.pods)
    async with place.open(network="open") as session:
        (own,) = set(there.pods) - before
        assert own not in there.policies
        assert session.info.network == "open"
        end(own)
        await _until(lambda: _has_ended(there, own))
        while True:
            await session.run("1")


async def test_nothing_stays_of_a_session_that_was_cancelled(there: Cluster) -> None:
    before = set(there.pods)
    for moment in (0.1, 0.5):
        with anyio.move_on_after(moment):
            async with _place(there).open():
                await anyio.sleep_forever()
    assert set(there.pods) == before


async def test_a_session_whose_pod_is_taken_away_says_so(there: Cluster) -> None:
    before = set(there.pods)
    with pytest.raises(SandboxError, match=r"the pod .* has ended"):
        await _run_until_its_end(_place(there), there, lambda name: there.container(name).kill())
    assert set(there.pods) == before


async def test_a_pod_ends_at_its_time_whatever_its_host_does(there: Cluster) -> None:
    with pytest.raises(SandboxError, match=r"DeadlineExceeded .*ttl="):
        await _run_until_its_end(_place(there, ttl=3600), there, lambda _: setattr(there, "haste", 1e9))


async def test_a_pod_ends_with_its_host_and_the_next_one_sweeps_it_away(there: Cluster) -> None:
    """The next one speaks the older protocol, and leaves no process."""
    before = set(there.pods)
    command = [sys.executable, "-c", HOST, str(there.kubeconfig)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as host:  # noqa: ASYNC220 (it is to be killed)
        assert host.stdout is not None
        assert host.stdout.readline() == b"ready\n"
        (own,) = set(there.pods) - before
        os.kill(host.pid, signal.SIGKILL)
    await _until(lambda: _has_ended(there, own))
    there.protocols = ("v4.channel.k8s.io",)
    async with _place(there).open() as session:
        assert own not in there.pods
        assert own not in there.policies
        (own,) = set(there.pods) - before
        container = there.container(own)
        await session.run("import subprocess; subprocess.Popen(['sleep', '600'], start_new_session=True)")
        assert container.alive
        assert (await session.run("6 * 7")).value == "42"
    await _until(lambda: not container.alive)


async def test_a_cluster_that_does_not_keep_its_policies_is_found_out(there: Cluster) -> None:
    there.keeps_policies = False
    with pytest.raises(IsolationError, match=r"does not keep its network policy: 127.0.0.1:\d+ can be reached"):
        async with _place(there, policy_patience=0.5).open():
            pass


def _sidecar(body: dict[str, Any]) -> None:
    body["spec"]["containers"].append({**body["spec"]["containers"][0], "name": "proxy"})


def _weaker(body: dict[str, Any]) -> None:
    body["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"] = False


async def test_what_admission_makes_of_a_pod_counts(there: Cluster) -> None:
    there.mutate = _weaker
    with pytest.raises(IsolationError, match=r"readOnlyRootFilesystem is False, and should be True"):
        async with _place(there).open():
            pass


@pytest.mark.parametrize(
    ("settings", "options", "words"),
    [
        ({"token": "another"}, {}, "does not know who asks"),
        ({"denied": {"create pods"}}, {}, r"the right to 'create' 'pods', .* `kubectl apply -n agents -f .*role.yaml`"),
        ({"denied": {"deletecollection pods"}}, {}, "the right to 'deletecollection' 'pods'"),
        ({"denied": {"create networkpolicies"}}, {}, "the right to 'create' 'networkpolicies'"),
        ({"denied": {"get pods/exec"}}, {}, "the right to 'get' 'pods/exec'"),
        ({"quota": "requested: limits.memory=6Gi"}, {}, r"exceeded quota.*Remedy: lower limits"),
        ({}, {"context": "elsewhere"}, "no namespace 'nowhere'; `kubectl create namespace nowhere`"),
        ({}, {"context": "nosuch"}, "no context 'nosuch'; there are there, elsewhere"),
        ({}, {"runtime_class": "nosuch"}, r"RuntimeClass .*Remedy: `kubectl get runtimeclass`"),
        ({}, {"image": "nosuch"}, r"cannot get the image 'nosuch' \(ImagePullBackOff.*pull_secrets"),
        (
            {},
            {"node_selector": {"gpu": "yes"}, "patience": 0.6},
            r"not running within 0.6 s.*: 0/1 nodes.*patience=",
        ),
        ({}, {"labels": {"team": "not a label!"}}, "because it is not valid: .*team"),
        ({}, {"user": 70_000, "host_users": False}, "because it is not valid: .*runAsUser"),
    ],
)
async def test_a_refusal_says_what_would_help(
    there: Cluster, settings: dict[str, Any], options: dict[str, Any], words: str
) -> None:
    for name, value in settings.items():
        setattr(there, name, value)
    before = set(there.pods)
    with pytest.raises(SetupError, match=words):
        async with _place(there, **options).open():
            pass
    assert set(there.pods) == before


async def test_a_pod_that_cannot_be_deleted_is_named(there: Cluster) -> None:
    there.denied.add("delete pods")
    with pytest.raises(SandboxError, match=r"could not be deleted .* `kubectl delete pod --namespace agents codeact-"):
        async with _place(there, image="nosuch").open():
            pass


async def test_what_pods_cannot_do_is_refused_before_anything_starts() -> None:
    with pytest.raises(UnsupportedError, match="packages"):
        async with KubernetesSandbox(kubeconfig="/nowhere").open(network="packages"):
            pass
    with pytest.raises(UnsupportedError, match="cpu_time"):
        async with KubernetesSandbox(kubeconfig="/nowhere").open(limits=Limits(cpu_time=1)):
            pass


def test_the_sandbox_is_there_by_name() -> None:
    assert isinstance(sandbox("kubernetes", namespace="x", ttl=600), KubernetesSandbox)
    for options in ({"require": "vm"}, {"user": 0}, {"ttl": 1}, {"cpus": 0}, {"colour": 1}):
        with pytest.raises(UsageError):
            sandbox("kubernetes", **options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"runtime_class": "gvisor", "host_users": False, "pull_policy": "Never", "pull_secrets": ["key"]},
        {"user": 1000, "cpus": 0.05, "requests": {"memory": "64Mi"}, "labels": {"team": "a"}, "ttl": 60},
        {"node_selector": {"disk": "ssd"}, "tolerations": [{"key": "box", "operator": "Exists"}]},
    ],
)
@pytest.mark.parametrize("network", ["none", "open"])
def test_a_pod_keeps_the_published_schema_and_the_standard(options: dict[str, Any], network: Any) -> None:
    place = Place(image="i", **options)
    body = pod.pod(pod.name(), place, LIMITS, network)
    admit("Pod", body, {"gvisor"})
    spec, container = body["spec"], body["spec"]["containers"][0]
    assert (spec["activeDeadlineSeconds"], spec["restartPolicy"]) == (place.ttl, "Never")
    assert (spec["automountServiceAccountToken"], spec["enableServiceLinks"]) == (False, False)
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["resources"]["limits"]["memory"] == str(LIMITS.total_memory)
    assert all(volume["emptyDir"]["medium"] == "Memory" for volume in spec["volumes"])
    assert spec.get("runtimeClassName") == options.get("runtime_class")
    admit("NetworkPolicy", pod.policy("codeact-1", "a-uid"), set())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda spec: spec.update(hostNetwork=True), "host namespaces"),
        (lambda spec: spec["securityContext"].update(runAsUser=0), "runAsUser=0"),
        (lambda spec: spec["securityContext"].pop("seccompProfile"), "seccompProfile"),
        (lambda spec: spec["containers"][0]["securityContext"].update(privileged=True), "privileged"),
        (lambda spec: spec["containers"][0]["securityContext"].pop("capabilities"), "capabilities"),
        (lambda spec: spec["volumes"].append({"name": "h", "hostPath": {"path": "/"}}), "volume 'h'"),
        (lambda spec: spec.update(colour="red"), "colour"),
        (lambda spec: spec.update(activeDeadlineSeconds="soon"), "soon"),
        (lambda spec: spec["containers"][0]["resources"]["limits"].update(cpu="1m"), "cpu must be less than"),
    ],
)
def test_the_clusters_admission_is_no_rubber_stamp(change: Callable[[Any], Any], words: str) -> None:
    body = pod.pod(pod.name(), Place(image="i"), LIMITS, "none")
    change(body["spec"])
    with pytest.raises(RefusedError, match=words):
        admit("Pod", body, set())


def _host_network(body: dict[str, Any]) -> None:
    body["spec"]["hostNetwork"] = True


def _volume(body: dict[str, Any]) -> None:
    body["spec"]["volumes"].append({"name": "token", "projected": {}})


def _no_limits(body: dict[str, Any]) -> None:
    body["spec"]["containers"][0]["resources"] = {}


def _otherwise_written(body: dict[str, Any]) -> None:
    body["spec"]["containers"][0]["resources"]["limits"].update(memory="1Gi", cpu="1")
    body["spec"]["schedulerName"] = "default"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (_sidecar, "containers were added to it: proxy"),
        (_host_network, "it has hostNetwork"),
        (_volume, "volumes were added to it: token"),
        (_no_limits, "resources.limits.memory is None"),
        (_otherwise_written, ""),
    ],
)
def test_a_layer_counts_only_when_the_cluster_says_so(change: Callable[[Any], None], fault: str) -> None:
    asked, found = (pod.pod("codeact-1", Place(image="i", user=7), LIMITS, "none") for _ in range(2))
    change(found)
    rows = {row[0]: row for row in pod.layers(found, asked, "v1", LIMITS)}
    assert rows["container"][1] is (not fault)
    assert fault in rows["container"][2]
    assert rows["total memory"][1] is ("resources" not in fault)


def test_the_role_has_what_is_needed_and_no_more() -> None:
    role = yaml.safe_load(refusals.ROLE.read_text())
    rights = {(verb, resource) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}
    assert rights == {
        *((verb, "pods") for verb in ("create", "get", "delete", "deletecollection")),
        *((verb, "pods/exec") for verb in ("create", "get")),
        ("create", "networkpolicies"),
    }


def test_users_are_never_shared_but_by_choice() -> None:
    assert len({pod.a_user(Place(image="i")) for _ in range(20)}) > 15
    assert all(pod.a_user(Place(image="i", host_users=False)) < 1 << 16 for _ in range(20))
    assert pod.a_user(Place(image="i", user=1234)) == 1234
