"""Which setting wins, and what is said of a wrong one."""

from pathlib import Path

import pytest

from codeact.cli.config import find_files, load
from codeact.errors import UsageError

from .command import Codeact

COMMANDS = ["run", "chat"]


def test_the_nearest_project_file_wins_over_the_users(tmp_path: Path) -> None:
    user, inner = tmp_path / "user", tmp_path / "project" / "src"
    user.mkdir()
    inner.mkdir(parents=True)
    (user / "codeact.toml").write_text('[run]\nmodel = "a:user"\nturns = 3\n')
    (tmp_path / "project" / "codeact.toml").write_text('[run]\nmodel = "a:project"\naction-time = 5\n')
    config = load(find_files(inner, user), COMMANDS)
    assert config.tables == {"run": {"model": "a:project", "turns": 3, "action_time": 5}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[rum]\n", "no command 'rum'; did you mean 'run'?"),
        ("[serve]\n", "no command 'serve'; there are: run, chat"),
        ("run = 3\n", "'run' must be a table"),
        ("[run\n", "codeact.toml: "),
        (b"\xff\xfe", "codeact.toml: "),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str | bytes, said: str) -> None:
    path = tmp_path / "codeact.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(UsageError, match=r"codeact\.toml") as caught:
        load([path], COMMANDS)
    assert said in str(caught.value)


def test_unknown_keys_name_the_file_and_the_closest_option(codeact: Codeact) -> None:
    path = codeact.write("codeact.toml", '[run]\nmodle = "x:y"\n')
    done = codeact("run", "task")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {path}: [run] has no option 'modle'; did you mean 'model'?\n"


def test_other_commands_do_not_mind(codeact: Codeact) -> None:
    codeact.write("codeact.toml", '[run]\nmodle = "x:y"\n')
    assert codeact("models", "list").returncode == 0


def test_flag_over_environment_over_project_over_user(codeact: Codeact) -> None:
    """Each layer names a script of its own that says which one it is."""
    user = Path(codeact.env["XDG_CONFIG_HOME"]) / "codeact"
    user.mkdir(parents=True)
    models = {name: codeact.script(f"It is {name}.", name=f"{name}.txt") for name in ("user", "project", "env", "flag")}
    common = ("run", "which one", "--quiet", "--actions", "json")

    (user / "codeact.toml").write_text(f'[run]\nmodel = "{models["user"]}"\n')
    assert codeact(*common).stdout == "It is user.\n"
    codeact.write("codeact.toml", f'[run]\nmodel = "{models["project"]}"\n')
    assert codeact(*common).stdout == "It is project.\n"
    env = {"CODEACT_RUN_MODEL": models["env"]}
    assert codeact(*common, env=env).stdout == "It is env.\n"
    assert codeact(*common, "--model", models["flag"], env=env).stdout == "It is flag.\n"


def test_a_wrong_value_names_where_it_came_from(codeact: Codeact) -> None:
    codeact.write("codeact.toml", '[run]\nturns = "many"\n')
    assert "(from the key 'turns' in codeact.toml)" in codeact("run", "task").stderr
    wrong = codeact("chat", env={"CODEACT_CHAT_TURNS": "0"})
    assert wrong.returncode == 2
    assert "(from the environment variable CODEACT_CHAT_TURNS)" in wrong.stderr
