"""`codeact chat`, in a terminal and in a pipe."""

import json

from .command import Codeact
from .endpoint import ChatServer

SET = "```python\nx = 6\nopen('made.txt', 'w').write('made')\nprint('x is set')\n```"
USE = "```python\nprint('x times 7 is', x * 7)\n```"
LOOP = "```python\nprint('looping', flush=True)\nwhile True:\n    pass\n```"
PROMPT = "›"


def test_each_line_of_a_pipe_is_a_message(codeact: Codeact) -> None:
    model = codeact.script(SET, "It is set.", USE, "It is 42.")
    done = codeact("chat", "-m", model, input="Set x.\n\nUse x.\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert "│ x is set" in done.stdout
    assert "│ x times 7 is 42" in done.stdout, "variables stay from message to message"
    assert "made.txt (4 B)" in done.stdout
    [record] = codeact.records()
    headers = [json.loads(line) for line in record.read_text().splitlines() if '"kind":"trajectory"' in line]
    assert [header["task"] for header in headers] == ["Set x.", "Use x."]
    assert headers[1]["parent"] == headers[0]["id"]


def test_commands(codeact: Codeact) -> None:
    codeact.write("more.csv", "a\n1\n")
    other = codeact.script("The other one speaks.", name="other.txt")
    commands = ["Set x.", "/vars", "/files", "/get made.txt copy.txt", "/put more.csv", "What is new?", "/files"]
    commands += [f"/model {other}", "Who are you?", "/model", "/reset", "/vars", "/exit", "never read"]
    done = codeact("chat", "-m", codeact.script(SET, "It is set.", "A file."), input="\n".join(commands))
    assert done.returncode == 0, done.stdout
    shown = done.stdout
    assert "x     int" in shown
    assert (codeact.folder / "copy.txt").read_text() == "made"
    assert "more.csv goes into the workspace with your next message" in shown
    assert "The other one speaks." in shown
    assert f"» model: {other}" in shown
    assert "» no variables" in shown
    assert "never read" not in shown
    record = codeact.records()[0].read_text()
    assert "more.csv (4 bytes)" in record
    assert f'"model":"{other}"' in record


def test_undo_takes_the_talk_back(codeact: Codeact) -> None:
    model = codeact.script("First.", "Second.", "Third.")
    talk = "one\ntwo\n/undo\nthree\n/save talk.md\n/save talk.jsonl\n/save talk.ipynb\n/undo\n/undo\n/undo\n"
    done = codeact("chat", "-m", model, "--actions", "json", input=talk)
    assert "there is nothing to undo" in done.stdout
    page = (codeact.folder / "talk.md").read_text()
    assert "First." in page
    assert "Second." not in page
    assert "Third." in page
    [*_, last] = (codeact.folder / "talk.jsonl").read_text().splitlines()
    said = [message["content"] for message in json.loads(last)["messages"] if message["role"] != "system"]
    assert said == ["one", "First.", "three", "Third."]
    assert json.loads((codeact.folder / "talk.ipynb").read_text())["nbformat"] == 4


def test_mistakes_do_not_end_a_talk(codeact: Codeact) -> None:
    commands = ["/nope", "/get", "/get none.txt", "/put none.txt", "/model nobody:x", "/save talk.doc", "/save talk.md"]
    commands += ["/get 'a", "Hello?", "/save talk.md", "/save talk.md"]
    done = codeact("chat", "-m", codeact.script("Still here."), input="\n".join(commands))
    errors = [line.removeprefix("✗ error: ") for line in done.stdout.splitlines() if line.startswith("✗ error: ")]
    starts = ["there is no command '/nope'", "usage: /get FILE", "", "no such file: 'none.txt'", "there is no provider"]
    starts += ["'talk.doc' should end in", "there is nothing to save yet", "cannot read", "'talk.md' exists"]
    assert [error.startswith(start) for error, start in zip(errors, starts, strict=True)] == [True] * len(starts)
    assert "Still here." in done.stdout
    assert done.returncode == 0


def test_a_failed_message_can_be_followed_by_another(codeact: Codeact) -> None:
    """The script of the first model is over; another model takes over."""
    other = codeact.script("Here I am.", name="other.txt")
    talk = f"one\ntwo\n/model {other}\nthree\n"
    done = codeact("chat", "-m", codeact.script("First."), "--actions", "json", input=talk)
    assert "✗ error: scripted:script.txt has 1 replies" in done.stdout
    assert "Here I am." in done.stdout
    assert done.returncode == 0
    assert codeact("chat", "-m", codeact.script("First."), "--actions", "json", input="one\ntwo\n").returncode == 4


def test_files_that_cannot_be_read_do_not_end_a_talk(codeact: Codeact) -> None:
    """One that reads as an input/output error, one whose name no file can have."""
    talk = f"/put /proc/self/mem\n/put {'x' * 300}\n/get {'x' * 300}\nHello?\n"
    done = codeact("chat", "-m", codeact.script("Still here."), input=talk)
    assert "✗ error: cannot read '/proc/self/mem': Input/output error" in done.stdout
    assert "File name too long" in done.stdout
    assert "Still here." in done.stdout
    assert (done.returncode, done.stderr) == (0, "")
    assert _files_noted(codeact) == [[]]


def test_a_file_that_vanishes_before_its_message_does_not_end_a_talk(codeact: Codeact) -> None:
    codeact.write("gone.txt", "here for a moment")
    with codeact.terminal("chat", "-m", codeact.script("Still here.")) as child:
        child.expect(PROMPT)
        child.send("/put gone.txt\r")
        child.expect("goes into the workspace")
        child.expect(PROMPT)
        (codeact.folder / "gone.txt").unlink()
        child.send("Read it.\r")
        child.expect("was not sent.*?'gone.txt'")  # and not up to the next one
        child.expect("cannot read 'gone.txt': No such file or directory")
        child.expect(PROMPT)
        child.send("Hello?\r")
        child.expect("Still here.")
        child.expect(PROMPT)
        child.sendeof()
        child.wait()
        assert child.exitstatus == 0
    assert _files_noted(codeact) == [[]], "only the second message was sent, and without the file"


def test_a_file_waits_while_its_message_is_refused_as_too_long(codeact: Codeact) -> None:
    codeact.write("f.csv", "a\n1\n")
    read = "```python\nprint('read', open('f.csv').read().split())\n```"
    talk = f"/put f.csv\n{'x' * 100_001}\nRead it.\nAgain?\n"
    done = codeact("chat", "-m", codeact.script(read, "Read.", "Again."), input=talk)
    assert "the task has 100,001 characters" in done.stdout
    assert "│ read ['a', '1']" in done.stdout
    assert _files_noted(codeact) == [["f.csv"], ["f.csv"]], "once, from the message on that brought it"


def test_what_holds_for_one_provider_is_not_told_to_another(codeact: Codeact) -> None:
    other = codeact.script("Here I am.", name="other.txt")
    options = ["--base-url", "http://127.0.0.1:9/v1", "--temperature", "0.5", "--prices", "1,2", "--actions", "json"]
    talk = f"/model {other}\nHello?\n/model openai:another\n"
    done = codeact("chat", "-m", "openai:x", *options, input=talk)
    assert "✗" not in done.stdout
    assert "Here I am." in done.stdout
    assert "» model: openai:another" in done.stdout
    left_out = "without what was given for openai: --base-url, --temperature, --prices"
    assert [left_out in line for line in " ".join(done.stderr.split()).split("model: ")[1:]] == [True]


def test_what_undo_says_is_what_it_does(codeact: Codeact) -> None:
    """With code the state goes back too; without there is nothing but the talk."""
    done = codeact("chat", "-m", codeact.script(SET, "Set."), input="Set x.\n/vars\n/undo\n/vars\n/help\n")
    assert "taken back, and variables and files are as they were before it" in " ".join(done.stdout.split())
    assert done.stdout.count("x     int") == 1
    assert "variables and files too where the sandbox has checkpoints" in " ".join(done.stdout.split())
    done = codeact("chat", "-m", codeact.script("One."), "--actions", "json", input="one\n/undo\n")
    assert "» the last message is taken back\n" in done.stdout


def _files_noted(codeact: Codeact) -> list[list[str]]:
    """The files that each message of the one talk has in its record."""
    [record] = codeact.records()
    headers = [json.loads(line) for line in record.read_text().splitlines() if '"kind":"trajectory"' in line]
    return [[file["path"] for file in header["agent"].get("files", ())] for header in headers]


# --- in a terminal --------------------------------------------------------------------------------


def test_a_talk_in_a_terminal(codeact: Codeact) -> None:
    model = codeact.script(SET, "It is set.", USE, "It is 42.")
    with codeact.terminal("chat", "-m", model) as child:
        child.expect(PROMPT)
        child.send("Set x.\r")
        child.expect("answered")
        child.expect(PROMPT)
        child.send("Use x.\r")
        child.expect("x times 7 is 42")
        child.expect(PROMPT)
        child.send("/vars\r")
        child.expect("int")
        child.expect(PROMPT)
        child.sendeof()
        child.expect_exact("trajectory.jsonl")
        child.wait()
        assert child.exitstatus == 0


def test_several_lines_in_a_terminal(codeact: Codeact) -> None:
    with codeact.terminal("chat", "-m", codeact.script("One.", "Two.", "Three."), "--actions", "json") as child:
        child.expect(PROMPT)
        child.send("first\x1b\rsecond\r")  # Alt-Enter
        child.expect("answered")
        child.expect(PROMPT)
        child.send("third\\\rfourth\r")
        child.expect("answered")
        child.expect(PROMPT)
        child.send('"""\rfifth\rsixth\r"""\r')
        child.expect("answered")
        child.expect(PROMPT)
        child.sendeof()
        child.wait()
    tasks = [json.loads(line).get("task") for line in codeact.records()[0].read_text().splitlines()]
    assert [task for task in tasks if task] == ["first\nsecond", "third\nfourth", "fifth\nsixth"]


def test_ctrl_c_at_the_prompt_clears_the_line(codeact: Codeact) -> None:
    with codeact.terminal("chat", "-m", codeact.script("Hello."), "--actions", "json") as child:
        child.expect(PROMPT)
        child.send("half a thou")
        child.sendintr()
        child.expect(PROMPT)
        child.send("Hi.\r")
        child.expect("answered")
        child.expect(PROMPT)
        child.send("/exit\r")
        child.wait()
        assert child.exitstatus == 0
    assert '"task":"Hi."' in codeact.records()[0].read_text()


def test_ctrl_c_stops_the_action_and_not_the_program(codeact: Codeact) -> None:
    model = codeact.script(SET, "Set.", LOOP, USE, "Done.")
    with codeact.terminal("chat", "-m", model) as child:
        child.expect(PROMPT)
        child.send("Set x.\r")
        child.expect("answered")
        child.expect(PROMPT)
        child.send("Loop.\r")
        child.expect("│.*looping")
        child.sendintr()
        child.expect("cancelled")
        child.expect(PROMPT)
        child.send("Use x.\r")
        child.expect("x times 7 is 42")  # variables survived
        child.expect(PROMPT)
        child.sendeof()
        child.wait()
        assert child.exitstatus == 0


def test_ctrl_c_stops_the_models_reply(codeact: Codeact, slow_endpoint: ChatServer) -> None:
    with codeact.terminal("chat", "-m", "openai:slow", "--base-url", slow_endpoint.url, "--actions", "json") as child:
        child.expect(PROMPT)
        child.send("Think.\r")
        child.expect("I will think")
        child.sendintr()
        child.expect("cancelled")
        child.expect(PROMPT)
        slow_endpoint.let_go.set()
        child.send("Again.\r")
        child.expect("answered")
        child.expect(PROMPT)
        child.sendeof()
        child.wait()
        assert child.exitstatus == 0


def test_the_history_is_kept(codeact: Codeact) -> None:
    for reply in ("One.", "Two."):
        with codeact.terminal("chat", "-m", codeact.script(reply), "--actions", "json") as child:
            child.expect(PROMPT)
            child.send("say something\r" if reply == "One." else "\x1b[A\r")  # arrow up
            child.expect("answered")
            child.expect(PROMPT)
            child.sendeof()
            child.wait()
    assert '"task":"say something"' in codeact.records()[1].read_text()


def test_approval_is_asked_at_the_terminal(codeact: Codeact) -> None:
    model = codeact.script("```python\nprint('first ran')\n```", "```python\nprint('second ran')\n```", "Fine.")
    with codeact.terminal("run", "Try.", "--approve", "-m", model) as child:
        child.expect("say why not")
        child.send("too early\n")
        child.expect("refused by the user: too early")
        child.expect("say why not")
        child.send("y\n")
        child.expect("│.*second ran")
        child.expect("answered")
        child.expect("trajectory.jsonl")
        child.wait()
        assert child.exitstatus == 0
    assert "first ran" not in codeact.records()[0].read_text().replace("print('first ran')", "")


def test_code_may_ask_the_person_at_the_terminal(codeact: Codeact) -> None:
    code = (
        "import getpass\nname = input('Who are\\x1b[2J you? ')\n"
        "key = getpass.getpass('Key: ')\nprint(name[::-1], len(key))"
    )
    model = codeact.script(f"```python\n{code}\n```", "Hello.")
    with codeact.terminal("chat", "-m", model) as child:
        child.expect(PROMPT)
        child.send("greet me\r")
        child.expect("waits for a line")
        child.expect("Who are␛\\[2J you\\? ")
        child.send("Ann\n")
        child.expect("Key: ")
        child.send("hidden\n")
        child.expect("nnA 6")
        child.expect("answered")
        child.expect(PROMPT)
        child.sendeof()
        child.wait()
    record = codeact.records()[0].read_text()
    assert '"Ann"' in record
    assert "hidden" not in record
