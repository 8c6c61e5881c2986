"""What is trained is what is served: llama.cpp makes the same text and the same tokens of a conversation."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from codeact.models.local import LocalModel, open_local
from codeact.training.chat import Chat, Tokenizer
from codeact.training.rows import RowMessage

from .llama_cpp import Llama

pytestmark = [pytest.mark.anyio, pytest.mark.model]
TALKS = (
    (RowMessage("user", "1+1?"), RowMessage("assistant", "2")),
    (
        RowMessage("system", "Act.  \n"),
        RowMessage("user", "Größe von 日本 in 12345 km²?\r\n\r\n\t x"),
        RowMessage("assistant", "  I'll look:\n\n```python\nfor i in range(10):\n    print(f'{i:>3}')\n```\n"),
        RowMessage("user", "Output:\n  0\n  1\n\n\n<|im_end|> and <|endoftext|> 🙂👩‍👩‍👧"),
        RowMessage("assistant", "It's 1e-5, e\u0301 \u00a0."),
    ),
)


@pytest.mark.parametrize("name", ["smollm2", "qwen"])
async def test_text_and_tokens_are_the_servers(name: str, request: pytest.FixtureRequest) -> None:
    base: Path = request.getfixturevalue(f"tiny_{name}")
    tokenizer: Tokenizer = request.getfixturevalue(f"{name}_tokenizer")
    chat = Chat(tokenizer, name)
    async with open_local(str(base), context=512, threads=1) as opened:
        llama = Llama(cast("LocalModel", opened))
        for talk in TALKS:
            prompt = [{"role": message.role, "content": message.content} for message in talk[:-1]]
            served = await llama.prompt(prompt)
            assert chat.text(talk[:-1], prompt=True) == served
            assert chat.text(talk).startswith(served)
            for text in (served, chat.text(talk)):
                assert list(chat.tokenize(text).ids) == await llama.tokens(text)
