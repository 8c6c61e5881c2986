"""Every example runs, as a newcomer would run it."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
EXPECTED = {
    "02_sandbox_alone.py": [
        *["value: [0, 1, 2, 3, 4]", "line 2", "stopped: timeout | variables are kept", "network: URLError"],
        "figure: figure-1.png True",
    ],
    "03_three_formats.py": ["code  1 turns, answer 6.0", "json  4 turns, answer 6.0", "text  4 turns, answer 6.0"],
    "04_events.py": ["--- drawn", "--- figure figure-1.png", "--- answered"],
    "05_conversation.py": [
        "taken back: talk, variables and files",
        "There are 2 things in it.",
        "variable: basket list",
    ],
    "06_mcp_tools.py": ["temperature(", "Cairo, 31.5 degrees"],
    "07_records.py": ["lines: ['trajectory', 'step', 'step', 'outcome']", "notebook cells:"],
    "08_approval_and_checks.py": ["only to colleagues", "say please", "please check your inbox"],
    "09_branches.py": [
        "best of 4: fit = np.polynomial.Polynomial.fit(x, y, 9)",
        "undone: (200,) []",
        "crash: restored (200,)",
    ],
    "11_saved_state.py": [
        "saved: sales, total\nleft out: lock (TypeError: cannot pickle '_thread.lock' object)",
        "loaded: threading, pd, sales, total\nOslo: 165.0",
    ],
    "12_questions.py": [
        "Card number: *******************",
        "the model reads: 'a few' is no number\n3 nights, paid with …9010",
        "secret in the record: False",
    ],
    "13_limits.py": [
        "The code used more memory than it may.",
        "TimeoutError: The action had used all the processor time that it may",
        "This session may run 32 processes and threads at a time",
        "A file may have 67,108,864 bytes here",
        "bytes more were dropped: the output went over the limit of the session]",
        "look_up(0), look_up(1), look_up(2). Do not repeat",
        "--- 'still here'",
    ],
    "14_oracles.py": ["| code | 1/1 | 1.00 | 1 |", "| json | 15/15 | 7.07 | 14 |", "| text | 15/15 | 7.07 | 14 |"],
    "15_job.py": [
        *["9 of 18 episodes, 9 solved (44% to 100%)", "tokens used of the 5,000 allowed"],
        "code: 1.00 turns on average\njson: 3.00 turns on average\ntext: 3.00 turns on average",
    ],
    "16_select.py": [
        "1 row\nturns: 1 dropped, because fewer than 3 turns",
        "roots/root-12 3 own ['system', 'user', 'assistant', 'user', 'assistant', 'user', 'assistant']",
        "dataset/train.jsonl dataset/README.md 1 row",
    ],
    "17_collect.py": ["solved: False | repaired: True", "steps shared: 2 | forked | tokens spent:", "kept: 1.0 |"],
    "18_mcp_server.py": [
        *["tools: run variables", "live: three prices", "Out: 6", "cheap: Out: [1.5, 0.5, 1.0] | main: Out: [3, 1, 2]"],
        *["undone: Out: [3, 1, 2] | files: There are no files.", "True ZeroDivisionError kept", "figure: image/png"],
    ],
    "19_openai_client.py": [
        *["I multiply.\n```python\n6 * 7\n```", "\n42\n", "It is 42."],
        *["['code_interpreter_call', 'message'] The squares are in table.csv.", "table.csv b'n,square\\n3,9\\n'"],
        "The square of 3 is 9.",
    ],
    "20_service.py": [
        *["answer: Together they cost 12.", "variables: ['prices = [3, 4, 5]']", "instead: Only two: they cost 7."],
        *["('And the first two?', None)", "an event: turn_started"],
    ],
    "10_network.py": ["listed: b'{", "403 example.com:443 is not allowed", "record: CONNECT example.com refused"],
}
REAL_MODEL = {"01_first_agent.py"}


def run(name: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)], cwd=folder, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_tested_and_short() -> None:
    names = {path.name for path in EXAMPLES.glob("[0-9]*.py")}
    assert names == set(EXPECTED) | REAL_MODEL
    assert all(len((EXAMPLES / name).read_text().splitlines()) < 60 for name in names)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_example(name: str, tmp_path: Path) -> None:
    output = run(name, tmp_path)
    missing = [text for text in EXPECTED[name] if text not in output]
    assert not missing, output


def test_the_first_example_is_the_readmes() -> None:
    readme = (EXAMPLES.parent / "README.md").read_text()
    block = readme.partition("```python\n")[2].partition("```")[0]
    assert (EXAMPLES / "01_first_agent.py").read_text().endswith(block)


@pytest.mark.model
@pytest.mark.timeout(900)
def test_the_readmes_agent_answers_on_the_embedded_model(tmp_path: Path, qwen: str) -> None:
    output = run("01_first_agent.py", tmp_path)
    assert "Germany" in output
    assert (tmp_path / "run.ipynb").stat().st_size > 0
