"""`codeact doctor`: what it finds here is true, and it gives no secret away."""

import json
from typing import Any

from .command import Codeact


def findings(codeact: Codeact, **env: str) -> tuple[int, dict[str, dict[str, Any]]]:
    done = codeact("doctor", "--json", env=env)
    assert done.stderr == ""
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, {f"{row['part']}/{row['name']}": row for row in rows}


def test_this_machine(codeact: Codeact) -> None:
    done = codeact("doctor", env={"COLUMNS": "160"})
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "codeact run works here"
    for word in (
        "isolation",
        "namespace",
        "seccomp",
        "qwen2.5-coder-1.5b",
        "OPENAI_API_KEY",
        "free on its disk",
        "xllamacpp",
    ):
        assert word in done.stdout


def test_keys_are_seen_and_never_shown(codeact: Codeact) -> None:
    code, found = findings(codeact, OPENAI_API_KEY="sk-very-secret", ANTHROPIC_API_KEY="")
    assert code == 0
    assert found["keys/OPENAI_API_KEY"]["detail"] == "set"
    assert found["keys/ANTHROPIC_API_KEY"]["detail"] == "not set"
    assert found["models/default"]["detail"] == "openai:gpt-5.2 (OPENAI_API_KEY is set)"
    assert "sk-very-secret" not in json.dumps(found)


def test_weights_that_are_not_here_are_no_fault(codeact: Codeact) -> None:
    code, found = findings(codeact)
    row = found["models/qwen2.5-coder-1.5b"]
    assert code == 0
    assert row["state"] == "absent"
    assert "the first run fetches it" in row["detail"]
    assert row["remedy"] == "codeact models pull qwen2.5-coder-1.5b"


def test_a_broken_settings_file_is_found(codeact: Codeact) -> None:
    """Every command reads it, so this one would be the first to fail over it."""
    codeact.write("codeact.toml", "[run\n")
    done = codeact("doctor")
    assert done.returncode == 2
    assert "codeact.toml" in done.stderr


def test_a_setting_of_another_command_that_does_not_exist(codeact: Codeact) -> None:
    codeact.write("codeact.toml", '[run]\nmodle = "x"\n')
    code, found = findings(codeact)
    assert code == 1
    assert "modle" in found["settings/codeact.toml"]["detail"]


def test_an_attack_is_tried_and_told(codeact: Codeact) -> None:
    done = codeact("doctor", "--attack", "--only", "read-host-file", env={"COLUMNS": "160"})
    assert done.returncode == 0, done.stdout
    assert "read a file of the host that every user may read" in done.stdout
    assert done.stdout.splitlines()[-1] == "local: all that it promises is held"


def test_an_attack_that_gets_through_is_told_and_is_no_hole_where_nothing_is_promised(codeact: Codeact) -> None:
    done = codeact("doctor", "--attack", "--sandbox", "subprocess", "--only", "read-host-file", "--json")
    (row,) = map(json.loads, done.stdout.splitlines())
    assert (row["sandbox"], row["verdict"], row["promised"], row["bad"]) == ("subprocess", "not held", False, False)
    assert row["met"] == "the session said the secret of the file"
    assert done.returncode == 0


def test_a_pattern_that_names_no_attack(codeact: Codeact) -> None:
    done = codeact("doctor", "--attack", "--only", "nothing-like-it")
    assert done.returncode == 2
    assert "nothing-like-it" in done.stderr
