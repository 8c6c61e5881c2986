"""What no linter knows about the shape of the package."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import codeact

SOURCE = Path(codeact.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))
HEAVY = {
    "ray",
    "openai",
    "anthropic",
    "mcp",
    "numpy",
    "pandas",
    "matplotlib",
    "sklearn",
    "xllamacpp",
    "IPython",
    "psycopg",
    "pydantic",
    "torch",
    "transformers",
}


def loaded_by(code: str) -> set[str]:
    """Top-level names of the modules that a fresh interpreter has loaded after `code`."""
    script = f"{code}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_modules_stay_small(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= 400


def test_import_codeact_loads_nothing_heavy() -> None:
    assert not loaded_by("import codeact") & (HEAVY | {"anyio", "rich", "typer"})


def test_every_public_name_exists() -> None:
    assert all(getattr(codeact, name) is not None for name in codeact.__all__)
    assert dir(codeact) == sorted(codeact.__all__)


def test_the_agent_loads_no_provider_and_no_data_library() -> None:
    assert not loaded_by("import codeact.agent") & {"openai", "anthropic", "mcp", "numpy", "pandas", "xllamacpp"}


def test_help_on_training_loads_no_library_for_it() -> None:
    assert not loaded_by("import codeact.cli.train") & {"torch", "transformers", "peft", "numpy", "matplotlib"}


def test_naming_a_store_loads_no_database() -> None:
    assert not loaded_by("import codeact.server.store") & {"psycopg", "pydantic", "sqlite3"}


def test_the_box_imports_nothing_of_ours() -> None:
    """Also when it is imported for real: the box folder is all that a foreign image would get."""
    box = SOURCE / "sandbox" / "box"
    names = [path.stem for path in box.glob("*.py") if path.stem not in {"__init__", "__main__"}]
    imports = "; ".join(f"import box.{name}" for name in names)
    loaded = loaded_by(f"import sys; sys.path.insert(0, {str(box.parent)!r}); {imports}")
    assert "codeact" not in loaded


def test_only_the_command_line_and_the_agent_read_the_environment() -> None:
    readers = {
        str(path.relative_to(SOURCE))
        for path in MODULES
        if "box" not in path.parts and any(map(reads_environment, ast.walk(ast.parse(path.read_text()))))
    }
    assert all(reader.startswith("cli/") or reader == "agent/agent.py" for reader in readers), readers


def reads_environment(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="os"), attr="environ" | "getenv"):
            return True
        case ast.ImportFrom(module="os", names=names):
            return any(alias.name in {"environ", "getenv"} for alias in names)
        case _:
            return False


def test_no_print_outside_the_command_line() -> None:
    """Ruff's T201 holds this too. In the box two modules print, for the session: its shell and its magics."""
    library = [path for path in MODULES if "cli" not in path.parts]
    printers = {path.name for path in library if any(map(prints, ast.walk(ast.parse(path.read_text()))))}
    assert printers == {"shell.py", "magics.py"}


def prints(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
