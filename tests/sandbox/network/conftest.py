"""Servers on this machine's loopback: pages, and an index of packages made on the spot."""

from __future__ import annotations

import base64
import hashlib
import os
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

BIG = 20 << 20  # bytes of /big


@dataclass
class Site:
    """An HTTP server; `seen` has what it was asked: method, path, Host, Authorization and the body."""

    port: int
    pages: dict[str, bytes] = field(default_factory=dict)
    seen: list[tuple[str, str, str, str, bytes]] = field(default_factory=list)
    password: str = ""  # "user:password", asked for where set

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            headers = (self.headers.get("Host", ""), self.headers.get("Authorization", ""))
            site.seen.append((self.command, self.path, *headers, self.rfile.read(size)))
            wanted = "Basic " + base64.b64encode(site.password.encode()).decode()
            if site.password and self.headers.get("Authorization") != wanted:
                return self.answer(401, b"who are you?")
            page = bytes(BIG) if self.path == "/big" else site.pages.get(self.path)
            return self.answer(404, b"no such page") if page is None else self.answer(200, page)

        do_POST = do_HEAD = do_GET  # noqa: N815 (so the base class has it)

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", "text/html" if self.path.endswith("/") else "application/octet-stream")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Clients of these tests go away in the middle, on purpose."""


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site(0, {"/hello": b"hello from the host"})
    with _Quiet(("127.0.0.1", 0), _handler(made)) as server:
        made.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def make_wheel(folder: Path, name: str, version: str, code: str, requires: tuple[str, ...] = ()) -> Path:
    """A package with one module, as pip takes it."""
    info = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
    files = {
        f"{name}.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [f"{path},sha256={_digest(text)},{len(text)}" for path, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""])
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in files.items():
            archive.writestr(member, text)
    return path


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def publish(site: Site, *wheels: Path) -> None:
    """Put wheels on the site, as an index below /simple/."""
    for wheel in wheels:
        name = wheel.name.split("-")[0].replace("_", "-")
        site.pages[f"/files/{wheel.name}"] = wheel.read_bytes()
        page = site.pages.get(f"/simple/{name}/", b"<!DOCTYPE html><html><body>\n")
        site.pages[f"/simple/{name}/"] = page + f'<a href="../../files/{wheel.name}">{wheel.name}</a>\n'.encode()


@pytest.fixture
def index(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A package index, which pip of this process is configured for by a file."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    one = make_wheel(tmp_path, "codeact_tiny", "1.0", "ANSWER = 41\n")
    two = make_wheel(tmp_path, "codeact_tiny", "2.0", "ANSWER = 42\n")
    user = make_wheel(tmp_path, "codeact_user", "1.0", "from codeact_tiny import ANSWER\n", ("codeact-tiny>=2",))
    publish(site, one, two, user)
    (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {site.url}/simple\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    return site
