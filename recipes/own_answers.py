"""What a base says to plain questions, in its own words, as rows to mix in: an adapter that only ever saw actions
would act where somebody just wanted to talk.

    python recipes/own_answers.py local:qwen2.5-coder-1.5b --out talk.jsonl
    codeact train … --general talk.jsonl

Each question is asked twice, by itself and under the agent's own prompt; what is no answer there (an action) or was
cut off is left out.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import anyio

from codeact.actions import action_space
from codeact.actions.base import ActionSpace
from codeact.errors import ParseError
from codeact.models import open_model, options_from_env
from codeact.models.base import Model
from codeact.sandbox import sandbox
from codeact.types import Answer, Completion, Message

QUESTIONS = Path(__file__).with_name("plain_questions.txt")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("model", help="as in local:qwen2.5-coder-1.5b, or openai:NAME with --base-url")
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--questions", type=Path, default=QUESTIONS, help="a question a line")
    options.add_argument("--base-url", help="of an endpoint that serves the base")
    options.add_argument("--at-once", type=int, default=1)
    options.add_argument("--tokens", type=int, default=400, help="of an answer, at most")
    anyio.run(ask_all, options.parse_args())


async def ask_all(given: argparse.Namespace) -> None:
    address: dict[str, Any] = {"base_url": given.base_url, "api_key": "x"} if given.base_url else {}
    words = {**options_from_env(given.model, os.environ), **address, "temperature": 0.0}
    space = action_space("code")
    async with sandbox("local").open() as session:
        instructions = space.instructions((), session.info)
    rows: list[dict[str, Any]] = []
    gate = anyio.CapacityLimiter(given.at_once)

    async def ask(model: Model, number: int, question: str, system: str) -> None:
        told = [*([Message.of("system", system)] if system else []), Message.of("user", question)]
        async with gate:
            said = await model.complete(told, max_tokens=given.tokens)
        if said.finish == "length" or (system and not is_answer(space, said)):
            return
        talk = [{"role": message.role, "content": message.text} for message in told]
        rows.append(
            {
                "id": f"talk-{number}{'-agent' if system else ''}",
                "messages": [*talk, {"role": "assistant", "content": said.text}],
            }
        )

    async with open_model(given.model, **words) as model, anyio.create_task_group() as group:
        for number, question in enumerate(given.questions.read_text(encoding="utf-8").splitlines()):
            for system in ("", instructions):
                group.start_soon(ask, model, number, question, system)
    rows.sort(key=lambda row: row["id"])
    given.out.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    print(f"{len(rows)} rows in {given.out}")


def is_answer(space: ActionSpace, said: Completion) -> bool:
    try:
        return isinstance(space.parse(said).action, Answer)
    except ParseError:
        return False


if __name__ == "__main__":
    main()
