"""`codeact run`, as it is typed: what it prints, what it leaves, what it says when something is wrong."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .command import Codeact

SALES = "month,sales\n1,10\n2,12\n3,14\n"

WORK = (
    """Let me look at the data first.

```python
import csv
rows = list(csv.DictReader(open("sales.csv")))
print(len(rows), "rows")
rows[0]["sales"]
```""",
    """```python
print(total)
```""",
    """The name was wrong. I compute it and keep it in a file.

```python
total = sum(int(row["sales"]) for row in rows)
with open("total.txt", "w") as file:
    file.write(str(total))
print("total:", total)
```""",
    "The sales add up to **36**.",
)
Golden = Callable[[str, str], None]


def test_a_whole_run_in_plain_lines(codeact: Codeact, golden: Golden) -> None:
    codeact.write("sales.csv", SALES)
    done = codeact("run", "Add up the sales.", "--file", "sales.csv", "--model", codeact.script(*WORK))
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    golden("run.txt", done.stdout)
    [record] = codeact.records()
    assert (record.parent / "total.txt").read_text() == "36"
    assert not (record.parent / "sales.csv").exists(), "what went in unchanged does not come out"


def test_a_whole_run_for_machines(codeact: Codeact) -> None:
    codeact.write("sales.csv", SALES)
    done = codeact("run", "Add up.", "-f", "sales.csv", "-m", codeact.script(*WORK), "--json", "--out", "here")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [event["kind"] for event in events if event["kind"] != "text_delta"]
    assert done.stderr == ""
    once = list(dict.fromkeys(kinds))  # how many pieces output comes in is up to the kernel
    assert once[:5] == ["turn_started", "reply_parsed", "action_started", "output_chunk", "action_finished"]
    assert kinds[-3:] == ["answered", "finished", "result"]
    assert "".join(event["text"] for event in events if event["kind"] == "text_delta").startswith("Let me look")
    result = events[-1]
    assert result["status"] == "answered"
    assert result["answer"] == "The sales add up to **36**."
    assert result["turns"] == 4
    assert result["trajectory"] == "here/trajectory.jsonl"
    assert [artifact["path"] for artifact in result["artifacts"]] == ["here/total.txt"]


def test_quiet_is_the_answer_and_nothing_else(codeact: Codeact) -> None:
    done = codeact("run", "What is 2+2?", "-m", codeact.script("4"), "-q")
    assert (done.stdout, done.stderr, done.returncode) == ("4\n", "", 0)


def test_colours_are_for_terminals_that_want_them(codeact: Codeact) -> None:
    model = codeact.script(*WORK[:1], "Done.")
    codeact.write("sales.csv", SALES)
    with codeact.terminal("run", "Look.", "-f", "sales.csv", "-m", model) as child:
        child.expect("answered")
        assert "\x1b[36m┃" in child.before
        child.expect("record")
    codeact.env["NO_COLOR"] = "1"
    with codeact.terminal("run", "Look.", "-f", "sales.csv", "-m", model) as child:
        child.expect("answered")
        assert "\x1b[36m" not in child.before
        child.expect("record")


def test_each_reply_stands_once_on_a_terminal(codeact: Codeact) -> None:
    """It is drawn while it is written, wiped, and printed once; what stays is what counts."""
    model = codeact.script("A thought.\n\n```python\nprint(6 * 7)\n```", "It is 42.")
    with codeact.terminal("run", "Compute.", "-m", model) as child:
        child.expect("answered")
        drawn = child.before
    kept = drawn.replace("\r", "").split("\x1b[2K")[-1]
    assert "\x1b[?25h" in drawn, "the cursor is back"
    assert "It is 42." in kept
    assert drawn.count("print") >= 1


def test_figures_come_out_and_are_named(codeact: Codeact) -> None:
    plot = "```python\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\n```"
    done = codeact("run", "Plot.", "--sandbox", "local", "-m", codeact.script(plot, "Plotted."), "--out", "out")
    assert "▣ figure-1.png (image/png" in done.stdout
    assert "file    out/figure-1.png" in done.stdout
    assert (codeact.folder / "out" / "figure-1.png").read_bytes().startswith(b"\x89PNG")


def test_escape_sequences_of_the_code_do_not_reach_the_terminal(codeact: Codeact) -> None:
    code = "```python\nprint('\\x1b]0;owned\\x07\\x1b[2Jgone')\n```"
    with codeact.terminal("run", "Print.", "-m", codeact.script(code, "A \x1b[2J bell \x07.")) as child:
        child.expect("answered")
        assert "\x1b]0;" not in child.before
        assert "\x1b[2J" not in child.before
        assert "␛]0;owned␇␛[2Jgone" in child.before


def test_names_from_the_box_stay_in_the_folder(codeact: Codeact) -> None:
    code = """```python
import os
os.makedirs("deep/er", exist_ok=True)
open("deep/er/a\\tb;$(c).txt", "w").write("x")
open("trajectory.jsonl", "w").write("mine")
```"""
    done = codeact("run", "Write.", "-m", codeact.script(code, "Written."), "--out", "out")
    out = codeact.folder / "out"
    assert done.returncode == 0
    assert (out / "deep" / "er" / "a_b;$(c).txt").read_text() == "x"
    assert (out / "trajectory-2.jsonl").read_text() == "mine"
    assert "trajectory-2.jsonl (4 B, trajectory.jsonl in the workspace)" in done.stdout
    assert '"kind":"outcome"' in (out / "trajectory.jsonl").read_text()


def test_tools_from_a_file(codeact: Codeact) -> None:
    codeact.write(
        "shop.py", 'from codeact import tool\n\n@tool\ndef price(item: str) -> float:\n    "A price."\n    return 2.5\n'
    )
    done = codeact(
        "run", "Price?", "--tools", "shop.py", "-m", codeact.script("```python\nprint(price('tea') * 2)\n```", "5.0")
    )
    assert "→ price('tea')" in done.stdout
    assert "← price: 2.5" in done.stdout
    assert "│ 5.0" in done.stdout


@pytest.mark.parametrize("actions", ["json", "text"])
def test_the_other_action_spaces(codeact: Codeact, actions: str) -> None:
    codeact.write(
        "shop.py", 'from codeact import tool\n\n@tool\ndef price(item: str) -> float:\n    "A price."\n    return 2.5\n'
    )
    call = {"json": '```json\n{"name": "price", "arguments": {"item": "tea"}}\n```', "text": "Action: price, tea"}[
        actions
    ]
    answer = {"json": "2.5", "text": "Answer: 2.5"}[actions]
    done = codeact("run", "Price?", "--tools", "shop.py", "--actions", actions, "-m", codeact.script(call, answer))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "← price: 2.5" in done.stdout


def test_an_expected_file_is_asked_for_until_it_is_there(codeact: Codeact) -> None:
    model = codeact.script("Done!", "```python\nopen('a.txt', 'w').write('1')\n```", "Done now.")
    done = codeact("run", "Make a.txt", "--expect", "a.txt", "-m", model)
    assert "? Done!" in done.stdout
    assert "the file 'a.txt' does not exist yet" in done.stdout
    assert done.stdout.rstrip().endswith("trajectory.jsonl")
    assert done.returncode == 0


def test_no_answer_within_the_turns_is_exit_code_1(codeact: Codeact) -> None:
    model = codeact.script("```python\n1\n```", "```python\n2\n```", "```python\n3\n```")
    done = codeact("run", "Go on.", "--turns", "2", "-m", model)
    assert done.returncode == 1
    assert "» no answer: no answer within 2 turns; --turns allows more" in done.stdout
    assert "✗ turn limit · 2 turns" in done.stdout


def test_a_file_changed_by_the_code_comes_out(codeact: Codeact) -> None:
    codeact.write("sales.csv", SALES)
    code = "```python\nopen('sales.csv', 'a').write('4,20\\n')\n```"
    codeact("run", "Add a row.", "-f", "sales.csv", "-m", codeact.script(code, "Added."), "--out", "out")
    assert (codeact.folder / "out" / "sales.csv").read_text() == SALES + "4,20\n"
    assert (codeact.folder / "sales.csv").read_text() == SALES


def test_the_price_of_a_run(codeact: Codeact, slow_endpoint) -> None:
    slow_endpoint.let_go.set()
    model = ("--model", "openai:slow", "--base-url", slow_endpoint.url)
    assert "$0." in codeact("run", "Hi", *model, "--prices", "1000,1000").stdout
    assert "USD per million tokens" in codeact("run", "Hi", *model, "--prices", "cheap").stderr


# --- bad input ------------------------------------------------------------------------------------


def test_an_empty_task(codeact: Codeact) -> None:
    for task, given in (("", ""), ("  \n", ""), ("-", " \n")):
        done = codeact("run", task, "-m", "scripted:none.txt", input=given)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "error: the task is empty; say what is to be done\n"


def test_a_task_from_standard_input(codeact: Codeact) -> None:
    done = codeact("run", "-", "-m", codeact.script("Yes."), "-q", input="Is this read?\n")
    assert (done.stdout, done.returncode) == ("Yes.\n", 0)
    assert '"task":"Is this read?\\n"' in codeact.records()[0].read_text()


def test_a_task_of_a_megabyte_says_what_to_do_instead(codeact: Codeact) -> None:
    done = codeact("run", "-", "-m", "scripted:none.txt", input="x" * 1_000_000)
    assert done.returncode == 2
    assert "1,000,000 characters" in done.stderr
    assert "--file" in done.stderr
    assert codeact.records() == []


def test_a_missing_file(codeact: Codeact) -> None:
    done = codeact("run", "Read it.", "-f", "nowhere.csv", "-m", "scripted:none.txt")
    assert (done.returncode, done.stderr) == (2, "error: no such file: 'nowhere.csv' (given with --file)\n")


def test_a_file_that_cannot_be_read_is_a_usage_error(codeact: Codeact) -> None:
    done = codeact("run", "Read.", "-f", "/proc/self/mem", "-m", codeact.script("Read."))
    assert (done.returncode, done.stderr) == (2, "error: cannot read '/proc/self/mem': Input/output error\n")
    assert codeact.records() == []


def test_the_help_says_what_the_check_does(codeact: Codeact) -> None:
    shown = " ".join(codeact("run", "--help", env={"COLUMNS": "200"}).stdout.split())
    assert "Send back an answer with a decimal number that no output has shown." in shown


def test_a_binary_csv_is_what_the_code_finds(codeact: Codeact) -> None:
    codeact.write("data.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(128, 256)) * 8)
    read = "```python\nimport pandas as pd\npd.read_csv('data.csv')\n```"
    done = codeact("run", "Read it.", "-f", "data.csv", "-m", codeact.script(read, "It is not a CSV file."))
    assert done.returncode == 0
    assert "UnicodeDecodeError" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["-m", "gpt"], 2, "'gpt' is not the name of a model"),
        (["-m", "nobody:x"], 2, "there is no provider 'nobody'"),
        (["-m", "scripted:none.txt"], 2, "cannot read the script 'none.txt'"),
        (["-m", "scripted:none.txt", "--base-url", "http://x"], 2, "does not take one of --base-url"),
        (["-m", "openai:gpt-5.2"], 3, "OPENAI_API_KEY"),
        (["-m", "local:nothing"], 3, "no weights are called 'nothing'"),
        (["-m", "openai:x", "--base-url", "http://127.0.0.1:9/v1"], 4, "127.0.0.1:9"),
        (["--sandbox", "cloud"], 2, "there is no sandbox 'cloud'"),
        (["--sandbox", "subprocess", "--require", "strong"], 2, "'require'"),
        (["--sandbox", "subprocess", "--network", "packages"], 5, "cannot keep network='packages' (it has: open)"),
        (["--sandbox", "subprocess", "--limit", "inodes=100"], 5, "cannot keep the limit inodes=100"),
        (["--require", "steel"], 2, "there is no isolation level 'steel'"),
        (["--dialect", "xml"], 2, "there is no action space 'code/xml'"),
        (["--tools", "none.py"], 2, "cannot import the tools of 'none.py': FileNotFoundError"),
        (["--tools", "json"], 2, "'json' has no tools"),
        (["--mcp", "/no/such/server"], 3, "/no/such/server"),
        (["--approve"], 2, "standard input is no terminal"),
        (["--json", "--quiet"], 2, "exclude each other"),
        (["--actions", "json", "--expect", "x"], 2, "--expect needs code"),
        (["--turns", "0"], 2, "greater than or equal to 1"),
        (["--actions", "xml"], 2, "see `codeact run --help`"),
        (["--colour"], 2, "No such option: --colour"),
    ],
)
def test_wrong_use_is_one_line_with_a_remedy(codeact: Codeact, arguments: list[str], code: int, said: str) -> None:
    if "-m" not in arguments:
        arguments = [*arguments, "-m", codeact.script("Hi.")]
    done = codeact("run", "task", *arguments)
    assert said in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert done.returncode == code


def test_debug_shows_the_traceback(codeact: Codeact) -> None:
    done = codeact("--debug", "run", "task", "-m", "gpt")
    assert "Traceback" in done.stderr
    assert "UsageError" in done.stderr


def test_out_is_never_overwritten(codeact: Codeact) -> None:
    model = codeact.script("Hi.")
    assert codeact("run", "Hello", "-m", model, "--out", "out").returncode == 0
    again = codeact("run", "Hello", "-m", model, "--out", "out")
    assert again.returncode == 2
    assert "already holds a run" in again.stderr


def test_an_endpoint_that_fails_leaves_a_whole_record(codeact: Codeact) -> None:
    done = codeact("run", "task", "-m", codeact.script("```python\nprint(1)\n```"), "--out", "out")
    assert done.returncode == 4
    assert "has 1 replies and was asked for one more" in done.stderr
    lines = (codeact.folder / "out" / "trajectory.jsonl").read_text().splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["trajectory", "step", "outcome"]
    assert "✗ error · 2 turns" in done.stdout


def test_who_reads_the_output_may_leave(codeact: Codeact) -> None:
    """`codeact run … | head -1`"""
    replies = ["```python\nprint('line')\n```"] * 3 + ["Done."]
    with codeact.start("run", "Print.", "-m", codeact.script(*replies), "--out", "out") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert (process.wait(30), process.stderr.read()) == (141, "")
    assert "BrokenPipeError" in (codeact.folder / "out" / "trajectory.jsonl").read_text()


def test_a_flood_of_output_is_counted_and_not_shown(codeact: Codeact) -> None:
    code = "```python\nfor _ in range(100):\n    print('x' * 1_000_000)\n```"
    done = codeact("run", "Print.", "-m", codeact.script(code, "Done."))
    assert done.returncode == 0
    assert len(done.stdout) < 100_000
    assert "more characters are not shown here" in done.stdout


def test_a_terminal_of_few_letters(codeact: Codeact) -> None:
    done = codeact(
        "run", "Say.", "-m", codeact.script("Zwölf → 12"), env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    )
    assert "Zw?lf ? 12" in done.stdout


def test_help_is_complete_and_names_the_exit_codes(codeact: Codeact) -> None:
    done = codeact("--help", env={"COLUMNS": "200"})
    assert done.returncode == 0
    for word in ("run", "chat", "view", "export", "replay", "models", "doctor", "--version", "130 interrupted"):
        assert word in " ".join(done.stdout.split())
    assert codeact("run", "--help").returncode == 0


def test_version(codeact: Codeact) -> None:
    assert codeact("--version").stdout.startswith("codeact 0.")


def test_without_a_command_the_help_is_shown(codeact: Codeact) -> None:
    assert "Commands" in codeact().stdout


def test_the_record_notes_the_files_without_their_content(codeact: Codeact) -> None:
    codeact.write("sales.csv", SALES)
    codeact("run", "Look.", "-f", "sales.csv", "-m", codeact.script("Fine."))
    header = json.loads(codeact.records()[0].read_text().splitlines()[0])
    [noted] = header["agent"]["files"]
    assert (noted["path"], noted["size"], len(noted["sha256"])) == ("sales.csv", len(SALES), 64)


def test_a_run_leaves_only_its_folder(codeact: Codeact) -> None:
    model = codeact.script("Hi.")
    codeact("run", "Hello", "-m", model)
    names = {path.name for path in codeact.folder.iterdir()} - {"__pycache__"}
    assert names == {"codeact-runs", "script.txt", "quick.py"}
    assert {path.name for path in Path(codeact.env["HOME"]).iterdir()} <= {".cache"}


def test_tools_of_an_mcp_server(codeact: Codeact) -> None:
    server = f"{sys.executable} {Path(__file__).parents[1] / 'tools' / 'mcp_server.py'} stdio"
    listing = "```python\nprint([name for name in dir() if name == 'add'])\nprint(add(2, 3))\n```"
    done = codeact("run", "Add.", "--mcp", server, "-m", codeact.script(listing, "5"))
    assert done.returncode == 0, done.stderr
    assert "│ 5" in done.stdout


def test_a_sandbox_without_isolation_is_only_taken_by_name(codeact: Codeact) -> None:
    code = "```python\nprint(6 * 7)\n```"
    done = codeact("run", "Compute.", "--sandbox", "subprocess", "-m", codeact.script(code, "42"), "--out", "out")
    assert "│ 42" in done.stdout
    header = json.loads((codeact.folder / "out" / "trajectory.jsonl").read_text().splitlines()[0])
    assert header["environment"]["isolation"] == "process"


def test_wrong_tools_are_found_before_a_model_is_fetched(codeact: Codeact) -> None:
    done = codeact("run", "Hi.", "--tools", "none.py")
    assert done.stderr.startswith("error: cannot import the tools of 'none.py'")
    assert "fetching" not in done.stderr


def test_the_network_is_a_word_or_a_list_of_hosts(codeact: Codeact) -> None:
    fetch = "```python\nimport urllib.request\nurllib.request.urlopen('https://example.com/')\n```"
    script = codeact.script(fetch, "It is not allowed.")
    done = codeact("run", "Fetch it.", "--model", script, "--network", "allow:api.example.org", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    (request,) = [event["request"] for event in events if event["kind"] == "network_requested"]
    assert (request["host"], request["port"], request["allowed"]) == ("example.com", 443, False)
    assert "403 example.com:443 is not allowed by network='allow:api.example.org'" in done.stdout
    [record] = codeact.records()
    assert '"network": "allow:api.example.org"' in record.read_text() or '"network":"allow:api.example.org"' in (
        record.read_text()
    )


def test_a_network_or_package_that_makes_no_sense_is_refused_first(codeact: Codeact) -> None:
    for option, value, part in (
        ("--network", "closed", "there is no network policy 'closed'; there are none, packages, open and allow:HOST"),
        ("--package", "./here", "'./here' is not a package that can be installed"),
    ):
        done = codeact("run", "Hello", "--model", codeact.script("Hello."), option, value)
        assert done.returncode == 2
        assert part in " ".join(done.stderr.split())
