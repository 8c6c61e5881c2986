"""The image's definition, and the two programs in it."""

from __future__ import annotations

import http.server
import json
import os
import re
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

from .manifests import ROOT

DEPLOY = ROOT / "deploy"
START, ALIVE = DEPLOY / "image" / "start.py", DEPLOY / "image" / "alive.py"
LINES = re.sub(r"\\\n\s*", "", (DEPLOY / "Containerfile").read_text()).splitlines()


def told(instruction: str) -> list[str]:
    return [line.split(maxsplit=1)[1] for line in LINES if line.startswith(f"{instruction} ")]


def test_the_base_has_a_version_and_nothing_is_fetched_but_packages() -> None:
    [base] = [each for each in told("ARG") if each.startswith("BASE=")]
    assert re.search(r":\d+\.\d+-slim-\w+$", base)
    assert told("FROM") == ["${BASE} AS build", "${BASE}"]
    assert not told("ADD")
    assert not [each for each in told("RUN") if re.search(r"curl|wget|apt-get|git ", each)]


def test_it_runs_as_a_number_without_a_shell() -> None:
    assert told("USER") == ["10001:10001"]
    assert LINES.index("USER 10001:10001") > max(n for n, line in enumerate(LINES) if line.startswith(("RUN", "COPY")))
    for each in [*told("ENTRYPOINT"), *told("CMD")]:
        assert isinstance(json.loads(each), list)
    assert 'CMD ["/opt/codeact/bin/python", "-I", "/opt/codeact/alive.py"]' in told("HEALTHCHECK")[0]
    assert told("VOLUME") == ["/var/lib/codeact"]


def test_it_installs_extras_that_there_are_in_the_versions_that_are_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [extras] = [each.partition("=")[2].split(",") for each in told("ARG") if each.startswith("EXTRAS=")]
    assert {"server", "postgres", "kubernetes", "local"} <= set(extras) <= set(project["optional-dependencies"])
    [install] = [each for each in told("RUN") if "install" in each]
    assert "--constraint constraints.txt" in install


def test_what_is_copied_is_let_through_and_nothing_else() -> None:
    ignored = (DEPLOY / "Containerfile.dockerignore").read_text().splitlines()
    through = {line[1:] for line in ignored if line.startswith("!")}
    copied = [each for line in told("COPY") if not line.startswith("--from") for each in line.split()[:-1]]
    assert {"src", "constraints.txt", "pyproject.toml"} <= through
    assert all((ROOT / each).exists() for each in copied)
    assert all(each in through or str(Path(each).parent) in through for each in copied)


def started(tmp_path: Path, secrets: dict[str, str], **environment: str) -> subprocess.CompletedProcess[str]:
    """`start.py` as in the image, but with its folder of secrets here and a `codeact` that says what it was given."""
    (tmp_path / "secrets").mkdir()
    for name, text in secrets.items():
        (tmp_path / "secrets" / name).write_text(text)
    (tmp_path / "start.py").write_text(START.read_text().replace("/run/secrets", str(tmp_path / "secrets")))
    (tmp_path / "python").symlink_to(sys.executable)
    said = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))"
    (tmp_path / "codeact").write_text(f"#!{sys.executable}\n{said}\n")
    (tmp_path / "codeact").chmod(0o755)
    command = [str(tmp_path / "python"), "-I", str(tmp_path / "start.py"), "serve", "--port=1"]
    return subprocess.run(
        command, env={"PATH": os.defpath, **environment}, capture_output=True, text=True, timeout=60, check=False
    )


def test_each_secret_becomes_the_variable_of_its_name(tmp_path: Path) -> None:
    given = {
        "CODEACT_SERVE_TOKEN": "cat_1\n",
        "OPENAI_API_KEY": "key",
        "..data": "no",
        "password": "no",
        "ca.crt": "no",
    }
    done = started(tmp_path, given, KEPT="1")
    assert done.returncode == 0, done.stderr
    arguments, environment = json.loads(done.stdout)
    assert arguments == ["serve", "--port=1"]
    assert environment["CODEACT_SERVE_TOKEN"] == "cat_1"
    assert environment["OPENAI_API_KEY"] == "key"
    assert environment["KEPT"] == "1"
    assert not {"password", "ca.crt", "..data"} & set(environment)


def test_a_secret_that_is_given_twice_or_is_empty_is_refused_and_not_shown(tmp_path: Path) -> None:
    for name, text, variables, words in [
        ("twice", "hidden", {"OPENAI_API_KEY": "other"}, "leave one of them out"),
        ("empty", "\n", {}, "is empty"),
    ]:
        (folder := tmp_path / name).mkdir()
        done = started(folder, {"OPENAI_API_KEY": text}, **variables)
        assert done.returncode == 1
        assert words in done.stderr
        assert "hidden" not in done.stderr
        assert "other" not in done.stderr.replace(str(folder), "")


class Answer(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


class Ill(Answer):
    status = 503


def alive(port: int) -> int:
    environment = {"PATH": os.defpath, "CODEACT_SERVE_PORT": str(port)}
    return subprocess.run([sys.executable, "-I", str(ALIVE)], env=environment, timeout=60, check=False).returncode


def test_health_is_what_the_service_answers() -> None:
    for handler, code in ((Answer, 0), (Ill, 1)):
        with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
            thread = threading.Thread(target=server.handle_request)
            thread.start()
            assert alive(server.server_port) == code
            thread.join(timeout=60)
    assert alive(server.server_port) == 1  # nobody is there any more
