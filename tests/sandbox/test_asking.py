"""Questions of the code, answered by a person on the host."""

from __future__ import annotations

import contextlib
from typing import Any

import anyio
import pytest

from codeact.sandbox import Question, Sandbox, answered_by

pytestmark = pytest.mark.anyio

Tools = Any  # the HostTools of conftest.py


async def test_input_and_getpass_are_answered(backend: Sandbox, tools: Tools) -> None:
    asked: list[Question] = []

    async def ask(question: Question) -> str | None:
        asked.append(question)
        return f"answer {len(asked)}"

    async with backend.open(answered_by(tools, ask)) as session:
        code = "import getpass\nprint('first')\ninput('name? '), getpass.getpass('key: '), input(), add(1)"
        result = await session.run(code)
        assert result.value == "('answer 1', 'answer 2', 'answer 3', 2)"
        assert asked == [
            Question(prompt="name? ", secret=False),
            Question(prompt="key: ", secret=True),
            Question(prompt="", secret=False),
        ]
        assert [(record.name, record.text) for record in result.tool_calls] == [
            ("builtins.input", "answer 1"),
            ("getpass.getpass", "… an answer that is not recorded …"),
            ("builtins.input", "answer 3"),
            ("add", "2"),
        ]
        assert "answer 2" not in str(result.tool_calls)
        assert "input" not in [variable.name for variable in await session.variables()]
        await session.reset()
        assert (await session.run("input('again? ')")).value == "'answer 4'"


async def test_time_stands_still_while_a_person_thinks(server: Sandbox) -> None:
    async def ask(question: Question) -> str | None:
        await anyio.sleep(1.5)
        return "at last"

    async with server.open(answered_by(None, ask)) as session:
        result = await session.run("input()", time_limit=1)
        assert (result.value, result.error) == ("'at last'", None)


async def test_nobody_is_the_end_of_the_file(server: Sandbox) -> None:
    async def ask(question: Question) -> str | None:
        return None

    async with server.open(answered_by(None, ask)) as session:
        result = await session.run("try:\n    input()\nexcept EOFError as error:\n    print('caught', error)")
        assert (result.stdout, result.error) == ("caught nobody answered\n", None)


async def test_a_question_can_be_withdrawn(server: Sandbox) -> None:
    reached, withdrawn = anyio.Event(), anyio.Event()

    async def ask(question: Question) -> str | None:
        reached.set()
        try:
            await anyio.sleep_forever()
        finally:
            withdrawn.set()

    async with server.open(answered_by(None, ask)) as session:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(session.run, "x = 1\ninput('never answered')")
            await reached.wait()
            await session.interrupt()
            await withdrawn.wait()
        assert (await session.run("x")).value == "1"
        with contextlib.suppress(TimeoutError), anyio.fail_after(0.5):
            await session.run("input('cancelled')")
        assert (await session.run("x")).value == "1"


async def test_a_forged_question_is_a_refused_call(server: Sandbox) -> None:
    async def ask(question: Question) -> str | None:
        raise AssertionError("asked")

    async with server.open(answered_by(None, ask)) as session:
        code = "c = [c.cell_contents for c in input.__closure__ if callable(c.cell_contents)][0]\n"
        result = await session.run(f"{code}c('builtins.input', (5,), {{}})")
        assert result.error is not None
        assert (result.error.name, result.error.message) == ("TypeError", "the prompt is no text")
