"""Finding a cluster, and what its requests are signed with."""

from __future__ import annotations

import base64
import json
import ssl
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from codeact.errors import SetupError
from codeact.sandbox.kubernetes import cluster

from .loopback.certificates import certificate

pytestmark = pytest.mark.anyio

PLUGIN = """
import json, os, sys
asked = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
count = int(open(sys.argv[1]).read()) + 1
open(sys.argv[1], "w").write(str(count))
status = {"token": f"{os.environ['NAME']}-{count}", "expirationTimestamp": sys.argv[2]}
print(json.dumps({"apiVersion": asked["apiVersion"], "kind": "ExecCredential", "status": status}))
"""


def _kubeconfig(folder: Path, user: dict[str, Any], **server: Any) -> Path:
    body: dict[str, Any] = {
        "clusters": [{"name": "c", "cluster": {"server": "https://10.0.0.1:6443/", **server}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "agents"}}],
        "current-context": "x",
        "preferences": {"colors": True},
    }
    path = folder / "config"
    path.write_text(yaml.safe_dump(body))
    return path


async def test_a_token_is_as_the_user_has_it(tmp_path: Path) -> None:
    found = cluster.find(_kubeconfig(tmp_path, {"token": "secret"}))
    assert (found.server, found.namespace, await found.token.text()) == ("https://10.0.0.1:6443", "agents", "secret")
    assert "secret" not in repr(found)
    assert await cluster.find(_kubeconfig(tmp_path, {})).token.text() == ""


async def test_a_token_in_a_file_is_read_each_time(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("one\n")
    found = cluster.find(_kubeconfig(tmp_path, {"tokenFile": "token"}))
    assert await found.token.text() == "one"
    (tmp_path / "token").write_text("two\n")
    assert await found.token.text() == "two"
    (tmp_path / "token").unlink()
    with pytest.raises(SetupError, match="token for the cluster cannot be read"):
        await found.token.text()


@pytest.mark.parametrize(("left", "second"), [(3600, "aws-1"), (30, "aws-2")])
async def test_a_plugin_is_asked_again_when_its_token_expires(tmp_path: Path, left: int, second: str) -> None:
    count = tmp_path / "count"
    count.write_text("0")
    until = (datetime.now(UTC) + timedelta(seconds=left)).isoformat().replace("+00:00", "Z")
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": sys.executable,
        "args": ["-c", PLUGIN, str(count), until],
        "env": [{"name": "NAME", "value": "aws"}],
    }
    found = cluster.find(_kubeconfig(tmp_path, {"exec": plugin}))
    assert [await found.token.text(), await found.token.text()] == ["aws-1", second]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["nosuch-plugin"], "'nosuch-plugin' of the kubeconfig has failed: it cannot be run"),
        ([sys.executable, "-c", "import sys; sys.exit('log in first')"], "has failed: log in first"),
        ([sys.executable, "-c", "print('{}')"], "not printed an ExecCredential"),
    ],
)
async def test_a_plugin_that_fails_is_named(tmp_path: Path, command: list[str], words: str) -> None:
    found = cluster.find(_kubeconfig(tmp_path, {"exec": {"command": command[0], "args": command[1:]}}))
    with pytest.raises(SetupError, match=words):
        await found.token.text()


def test_certificates_are_taken_from_text_or_files(tmp_path: Path) -> None:
    certificate(tmp_path)
    text = {name: base64.b64encode((tmp_path / f"{name}.pem").read_bytes()).decode() for name in ("certificate", "key")}
    inline = {"client-certificate-data": text["certificate"], "client-key-data": text["key"]}
    files = {"client-certificate": "certificate.pem", "client-key": str(tmp_path / "key.pem")}
    for user, server in (
        (inline, {"certificate-authority-data": text["certificate"]}),
        (files, {"certificate-authority": "certificate.pem", "tls-server-name": "kubernetes"}),
    ):
        found = cluster.find(_kubeconfig(tmp_path, user, **server))
        assert found.ssl is not None
        assert found.ssl.verify_mode is ssl.CERT_REQUIRED
        assert len(found.ssl.get_ca_certs()) == 1
        assert found.server_name == server.get("tls-server-name", "")
    loose = cluster.find(_kubeconfig(tmp_path, {}, **{"insecure-skip-tls-verify": True})).ssl
    assert loose is not None
    assert loose.verify_mode is ssl.CERT_NONE


def _without_current(body: dict[str, Any]) -> None:
    del body["current-context"]


def _without_user(body: dict[str, Any]) -> None:
    body["users"] = []


def _without_cluster(body: dict[str, Any]) -> None:
    body["clusters"] = []


def _proxied(body: dict[str, Any]) -> None:
    body["clusters"][0]["cluster"]["proxy-url"] = "socks5://x"


def _provider(body: dict[str, Any]) -> None:
    body["users"][0]["user"] = {"auth-provider": {"name": "gcp"}}


def _password(body: dict[str, Any]) -> None:
    body["users"][0]["user"] = {"username": "a", "password": "b"}


def _odd_key(body: dict[str, Any]) -> None:
    body["users"][0]["user"] = {"client-certificate-data": "%%%", "client-key-data": "!"}


def _odd_server(body: dict[str, Any]) -> None:
    body["clusters"][0]["cluster"]["server"] = "ftp://x"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_without_current, "no context ''; there are x"),
        (_without_user, "no user 'u'"),
        (_without_cluster, "no cluster 'c'"),
        (_proxied, "proxy-url"),
        (_provider, "auth-provider"),
        (_password, "name and a password"),
        (_odd_key, "is not understood|cannot be read"),
        (_odd_server, "'ftp://x' is not an https address"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, change: Callable[[Any], None], words: str) -> None:
    path = _kubeconfig(tmp_path, {"token": "t"})
    body = yaml.safe_load(path.read_text())
    change(body)
    path.write_text(json.dumps(body))
    with pytest.raises(SetupError, match=words):
        cluster.find(path)


@pytest.mark.parametrize("text", ["clusters: 3", "[", "a: *b"])
def test_what_is_no_kubeconfig_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(SetupError, match="is not understood"):
        cluster.find(tmp_path / "config")
    with pytest.raises(SetupError, match="cannot be read"):
        cluster.find(tmp_path / "nosuch")
