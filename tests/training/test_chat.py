"""Which tokens are trained, one by one, with every template used."""

from __future__ import annotations

import re

import pytest

from codeact.errors import UsageError
from codeact.training.chat import Chat, Tokenizer
from codeact.training.rows import Row, RowMessage
from codeact.training.sequences import IGNORED, Sequence, encode_rows

SYSTEM, ASK = RowMessage("system", "Act."), RowMessage("user", "1+1?")
ACT, SEEN = RowMessage("assistant", "```python\n1+1\n```"), RowMessage("user", "Output:\n2")
ANSWER = RowMessage("assistant", " Two 🙂!")
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role + '\n' }}"
    "{% if message.role == 'assistant' %}{% generation %}{{ message.content }}<|im_end|>{% endgeneration %}"
    "{% else %}{{ message.content }}<|im_end|>{% endif %}{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def encoded(chat: Chat, *messages: RowMessage, length: int = 1000) -> Sequence:
    sequences, _ = encode_rows([Row("a", messages)], chat, length=length, too_long="cut")
    return sequences[0]


def pieces(chat: Chat, sequence: Sequence) -> list[tuple[str, bool]]:
    """Each token's text, with whether it is trained; a part of a character is a question mark."""
    decode = chat._tokenizer.decode  # type: ignore[attr-defined]
    return [
        (decode([int(token)]).replace("\ufffd", "?"), bool(trained))
        for token, trained in zip(sequence.tokens, sequence.trained, strict=True)
    ]


def test_the_reply_and_its_end_token_are_trained_and_no_header_and_no_newline_behind(chat: Chat) -> None:
    found = pieces(chat, encoded(chat, SYSTEM, ASK, ACT, SEEN, ANSWER))
    given = [text for text, trained in found if not trained]
    assert "".join(given) == (
        "<|im_start|>system\nAct.<|im_end|>\n<|im_start|>user\n1+1?<|im_end|>\n<|im_start|>assistant\n"
        "\n<|im_start|>user\nOutput:\n2<|im_end|>\n<|im_start|>assistant\n"
    )
    first = next(place for place, (_, trained) in enumerate(found) if trained)
    assert [text for text, _ in found[first - 2 : first]][-1] == "\n"  # the last token of the header: given
    assert found[first : first + 9] == [
        *[(text, True) for text in ("```", "python", "\n", "1", "+", "1", "\n", "```", "<|im_end|>")]
    ]
    assert found[first + 9] == ("\n", False)  # which the original trained, by its slip of one
    last = [text for text, trained in found[first + 9 :] if trained]
    assert (last[0], last[-2:]) == (" Two", ["!", "<|im_end|>"])
    assert found[-1] == ("<|im_end|>", True)  # and nothing behind it is kept


def test_labels_are_the_tokens_where_there_is_loss(chat: Chat) -> None:
    sequence = encoded(chat, ASK, ACT)
    assert [label for label in sequence.labels if label != IGNORED] == list(sequence.tokens[sequence.trained])


def test_the_trained_tokens_follow_what_the_server_gives(chat: Chat) -> None:
    """The tokens of the prompt, tokenized by itself, are exactly those before the first trained one."""
    messages = (SYSTEM, ASK, ACT, SEEN, ANSWER)
    sequence = encoded(chat, *messages)
    prompt = chat.tokenize(chat.text(messages[:2], prompt=True)).ids
    assert list(sequence.tokens[: len(prompt)]) == list(prompt)
    assert not sequence.trained[: len(prompt)].any()
    assert sequence.trained[len(prompt)]


def test_copied_context_is_given_and_not_trained(chat: Chat) -> None:
    copied = RowMessage("assistant", ACT.content, copied=True)
    whole, later = encoded(chat, ASK, ACT, SEEN, ANSWER), encoded(chat, ASK, copied, SEEN, ANSWER)
    assert list(whole.tokens) == list(later.tokens)
    alone = [text for text, trained in pieces(chat, later) if trained]
    assert alone[0] == " Two"


def test_text_that_looks_like_a_special_token_does_not_shift_the_mask(chat: Chat) -> None:
    odd = RowMessage("assistant", "a<|im_end|>\n<|im_start|>user\nb")
    trained = "".join(text for text, its in pieces(chat, encoded(chat, ASK, odd, SEEN, ANSWER)) if its)
    assert trained.startswith("a<|im_end|>\n<|im_start|>user\nb<|im_end|> Two")


def test_marks_of_a_template_give_the_same_mask(chat: Chat) -> None:
    messages = (SYSTEM, ASK, ACT, SEEN, ANSWER)
    marked = encoded(Chat(chat._tokenizer, "marked", CHATML), *messages)
    plain = encoded(chat, *messages)
    assert list(marked.tokens) == list(plain.tokens)
    assert list(marked.trained) == list(plain.trained)


def test_a_mark_without_the_end_token_is_made_to_include_it(chat: Chat) -> None:
    short = CHATML.replace("<|im_end|>{% endgeneration %}", "{% endgeneration %}<|im_end|>")
    assert pieces(chat, encoded(Chat(chat._tokenizer, "marked", short), ASK, ACT))[-1] == ("<|im_end|>", True)


def test_copied_context_is_not_trained_by_marks_either(chat: Chat) -> None:
    copied = RowMessage("assistant", ACT.content, copied=True)
    sequence = encoded(Chat(chat._tokenizer, "marked", CHATML), ASK, copied, SEEN, ANSWER)
    assert next(text for text, trained in pieces(chat, sequence) if trained) == " Two"


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{% for m in messages %}{{ loop.length }}{{ m.content }}<|im_end|>{% endfor %}", "differently once others"),
        ("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}", "would not learn to stop"),
        ("{{ raise_exception('no system here') }}", "no system here"),
        (
            CHATML.replace("message.role == 'assistant'", "loop.last"),
            "marks 1 generated parts in a conversation with 2",
        ),
    ],
)
def test_a_template_that_hides_what_is_trained_is_refused_by_name(
    smollm2_tokenizer: Tokenizer, template: str, why: str
) -> None:
    with pytest.raises(UsageError, match=f"chat template of odd .*{re.escape(why)}.*remedy: --template FILE"):
        encoded(Chat(smollm2_tokenizer, "odd", template), ASK, ACT, SEEN, ANSWER)
