"""Where a cluster's API server is, and who one is to it: read from a kubeconfig, or from what a pod is given."""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import ssl
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from codeact.errors import SetupError
from codeact.sandbox.kubernetes.tokens import Command, NoToken, Token, TokenFile, TokenText

KUBECONFIG = Path("~/.kube/config")
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")  # in a pod
_IN_CLUSTER = "https://kubernetes.default.svc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    server: str  # URL
    namespace: str = "default"
    ssl: ssl.SSLContext | None = None  # None for plain HTTP
    server_name: str = ""  # in its certificate, where that is not the URL's host
    token: Token = field(default_factory=NoToken)
    found_in: str = ""  # for people


def find(kubeconfig: Path | None = None, context: str | None = None) -> Cluster:
    """The cluster of `kubeconfig`, else of the user's, else the one that this program runs in.

    Raises:
        SetupError: there is none, or it is described in a way that is not understood; says what would do.
    """
    path = (kubeconfig or KUBECONFIG).expanduser()
    if kubeconfig or path.is_file():
        return _from_kubeconfig(path, context)
    if (_ACCOUNT / "token").is_file():
        return _own(_ACCOUNT)
    raise SetupError(
        f"no cluster is known: there is no {KUBECONFIG}, and this program does not run in a pod with a service "
        "account. Name a kubeconfig with KUBECONFIG or kubeconfig='…'"
    )


def _own(account: Path) -> Cluster:
    return Cluster(
        server=_IN_CLUSTER,
        namespace=(account / "namespace").read_text().strip(),
        ssl=ssl.create_default_context(cafile=str(account / "ca.crt")),
        token=TokenFile(account / "token"),  # it is renewed there
        found_in=str(account),
    )


class _Part(BaseModel):
    """Of a kubeconfig; what it does not know, it leaves alone."""

    model_config = ConfigDict(alias_generator=lambda name: name.replace("_", "-"), extra="ignore")


class _Server(_Part):
    server: str
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""


class _Variable(_Part):
    name: str
    value: str


class _Exec(_Part):
    command: str
    args: list[str] | None = None
    env: list[_Variable] | None = None
    version: str = Field(default="client.authentication.k8s.io/v1", alias="apiVersion")


class _User(_Part):
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    token: str = ""
    token_file: str = Field(default="", alias="tokenFile")
    exec: _Exec | None = None
    username: str = ""
    auth_provider: dict[str, object] | None = None


class _Context(_Part):
    cluster: str
    user: str = ""
    namespace: str = "default"


class _NamedServer(_Part):
    name: str
    cluster: _Server


class _NamedUser(_Part):
    name: str
    user: _User


class _NamedContext(_Part):
    name: str
    context: _Context


class _Kubeconfig(_Part):
    clusters: list[_NamedServer] = []
    users: list[_NamedUser] = []
    contexts: list[_NamedContext] = []
    current_context: str = ""

    def chosen(self, name: str | None) -> tuple[_Server, _User, str]:
        """Raises LookupError, with what is missing."""
        wanted = name or self.current_context
        contexts = {each.name: each.context for each in self.contexts}
        if wanted not in contexts:
            raise LookupError(f"no context {wanted!r}; there are {', '.join(contexts) or 'none'}")
        context = contexts[wanted]
        servers = {each.name: each.cluster for each in self.clusters}
        users = {each.name: each.user for each in self.users}
        if context.cluster not in servers:
            raise LookupError(f"no cluster {context.cluster!r}, which the context {wanted!r} names")
        if context.user and context.user not in users:
            raise LookupError(f"no user {context.user!r}, whom the context {wanted!r} names")
        return servers[context.cluster], users.get(context.user, _User()), context.namespace


def _from_kubeconfig(path: Path, context: str | None) -> Cluster:
    try:
        read = _Kubeconfig.model_validate(yaml.safe_load(path.read_text()) or {})
        server, user, namespace = read.chosen(context)
        _check(server, user)
        plain = urlsplit(server.server).scheme == "http"
        return Cluster(
            server=server.server.rstrip("/"),
            namespace=namespace,
            ssl=None if plain else _tls(path.parent, server, user),
            server_name=server.tls_server_name,
            token=_token(path.parent, user),
            found_in=str(path),
        )
    except OSError as error:  # of TLS too: a key that does not fit, say
        raise SetupError(f"the kubeconfig {str(path)!r}, or a file that it names, cannot be read: {error}") from error
    except (yaml.YAMLError, ValidationError, LookupError, binascii.Error) as error:
        raise SetupError(f"the kubeconfig {str(path)!r} is not understood: {error}") from error


def _check(server: _Server, user: _User) -> None:
    """Raises LookupError for what is not supported, rather than going a way that was not meant."""
    if server.proxy_url:
        raise LookupError("it goes through a proxy (proxy-url), which is not supported; name a direct address")
    if user.auth_provider is not None:
        raise LookupError("its user has an auth-provider, which Kubernetes has given up; use an exec plugin or a token")
    if user.username:
        raise LookupError("its user has a name and a password, which Kubernetes has given up; use a token")
    if urlsplit(server.server).scheme not in ("https", "http"):
        raise LookupError(f"the server {server.server!r} is not an https address")


def _tls(folder: Path, server: _Server, user: _User) -> ssl.SSLContext:
    authority = _text(folder, server.certificate_authority, server.certificate_authority_data)
    made = ssl.create_default_context(cadata=authority or None)
    if server.insecure_skip_tls_verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    certificate = _text(folder, user.client_certificate, user.client_certificate_data)
    key = _text(folder, user.client_key, user.client_key_data)
    if certificate:
        with _as_file(f"{certificate}\n{key}") as both:
            made.load_cert_chain(both)
    return made


def _token(folder: Path, user: _User) -> Token:
    if user.token:
        return TokenText(user.token)
    if user.token_file:
        return TokenFile(folder / user.token_file)
    if user.exec is not None:
        environment = {each.name: each.value for each in user.exec.env or ()}
        command = user.exec.command
        if "/" in command:  # relative ones to the kubeconfig, names by the PATH
            command = str(folder / command)
        return Command((command, *(user.exec.args or ())), environment, user.exec.version)
    return NoToken()


def _text(folder: Path, name: str, data: str) -> str:
    if data:
        return base64.b64decode("".join(data.split()), validate=True).decode()
    return (folder / name).read_text() if name else ""


@contextlib.contextmanager
def _as_file(text: str) -> Generator[str]:
    """A path for what is never to be on a disk: OpenSSL takes keys from files only."""
    fd = os.memfd_create("codeact-key", os.MFD_CLOEXEC)
    try:
        os.write(fd, text.encode())
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)
