"""The three formats as the original has them, in our own words: one call between brackets, on one line.

Nothing is run as code: a call is read and made. So its `code` gives `ToolCalls`, and an episode leaves its box unused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codeact.errors import ParseError, ToolError, UsageError
from codeact.tasks.apibank.api import Api
from codeact.tasks.apibank.catalogue import PUBLISHED
from codeact.tasks.apibank.paper_readers import NO_CALL, Reader
from codeact.types import (
    JSON,
    Action,
    BoxInfo,
    Completion,
    ExecResult,
    Observation,
    Reply,
    Result,
    ToolCall,
    ToolCalls,
    ToolSpec,
)

FORMS = {
    "code": "[ApiName(key1='value1', key2='value2', ...)]",
    "json": '[{"action": "ApiName", "key1": "value1", "key2": "value2", ...}]',
    "text": "[Action: ApiName, key1: value1, key2: value2, ...]",
}

_PROMPT = """\
From the descriptions of the APIs and the conversation so far, steps 1 to t, write the API request that the AI makes \
in step t+1. Write it as {form}, with the real name of the API and the real keys and values.
Your output must begin with a square bracket "[" and end with a square bracket "]". Write no explanation and nothing \
else, and not what the API gives.
The year is 2023.
Input:
User: [what the user says]
AI: [what the AI says]

Expected output:
{form}

API descriptions:
{apis}"""

_TYPES = {"string": "str", "integer": "int", "boolean": "bool", "array": "list"}
_CALL = re.compile(r"\[.*\]")  # on one line, from its first bracket to its last


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperSpace:
    name: str
    reader: Reader
    dialect: str = "paper"
    stop: tuple[str, ...] = ()

    def instructions(self, tools: Sequence[ToolSpec], box: BoxInfo | None) -> str:
        described = "\n".join(_described(PUBLISHED[spec.name]) for spec in tools)
        return _PROMPT.format(form=FORMS[self.name], apis=described)

    def functions(self, tools: Sequence[ToolSpec]) -> tuple[ToolSpec, ...]:
        return ()

    def parse(self, completion: Completion) -> Reply:
        found = _CALL.search(completion.text)
        if found is None:
            raise ParseError(NO_CALL)
        return Reply(action=ToolCalls((self.reader(found[0]),)))

    def render(self, action: Action, thought: str = "") -> Completion:
        """As a model writes it that knows the form. What the form or its reader cannot carry is read as something else:
        the share of such calls is the ceiling of the format.
        """
        if not isinstance(action, ToolCalls) or len(action.calls) != 1:
            raise UsageError(f"API-Bank's formats take one call, not {action!r}")
        return Completion(text=written(self.name, action.calls[0]))

    def observe(self, result: Result) -> Observation:
        if isinstance(result, ExecResult):
            raise TypeError("API-Bank's formats run no code")
        record = result.records[0]
        return Observation(text=f"Response: {record.error or record.text}", is_error=record.error is not None)


def written(form: str, call: ToolCall) -> str:
    """A call in one of the three forms."""
    match form:
        case "code":
            arguments = ", ".join(f"{name}={_in_quotes(value)}" for name, value in call.kwargs.items())
            return f"[{call.name}({arguments})]"
        case "json":
            return f"[{json.dumps({'action': call.name, **call.kwargs})}]"
        case _:
            arguments = [f"{name}: {value}" for name, value in call.kwargs.items()]
            return f"[{', '.join([f'Action: {call.name}', *arguments])}]"


def shown_earlier(form: str, call: ToolCall) -> str:
    """An earlier call as the original shows it: in code, one without parameters loses the last letter of its name."""
    text = written(form, call)
    return text if form != "code" or call.kwargs else text.replace("()]", ")]").replace(call.name, call.name[:-1])


def response_text(output: JSON) -> str:
    return f"Response: {output}"


def taken_as_published(api: Api, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Arguments as the original takes them: whole numbers and truth values out of texts, all else as it is.

    Raises:
        ToolError: an unknown parameter, one that is missing, or a number that is none.
    """
    schema = api.tool.spec.schema
    if unknown := [name for name in kwargs if name not in schema["properties"]]:
        raise ToolError(f"{api.name} has no parameter {', '.join(unknown)}", name="TypeError")
    if missing := [name for name in schema["required"] if name not in kwargs]:
        raise ToolError(f"{api.name} needs {', '.join(missing)}", name="TypeError")
    return {name: _converted(name, value, _type(schema["properties"][name])) for name, value in kwargs.items()}


def _converted(name: str, value: Any, kind: str) -> Any:
    if kind == "bool":
        return value == "True"
    if kind != "int":
        return value
    try:
        return int(value)
    except (ValueError, TypeError):
        raise ToolError(f"{name} is {value!r}, which is no whole number", name="ValueError") from None


def _in_quotes(value: JSON) -> str:
    return f"'{value}'" if isinstance(value, str) else repr(value)


def _described(api: Api) -> str:
    spec = api.tool.spec
    parameters = {
        name: {"type": _type(schema), "description": schema.get("description", "")}
        for name, schema in spec.schema["properties"].items()
    }
    return json.dumps(
        {
            "name": api.name,
            "description": spec.doc.split("\n\nArgs:")[0].replace("\n", " "),
            "input_parameters": parameters,
            "output": spec.signature.partition(" -> ")[2],
        }
    )


def _type(schema: Mapping[str, JSON]) -> str:
    kinds = [option.get("type") for option in [schema, *schema.get("anyOf", [])]]
    return next(_TYPES[kind] for kind in kinds if kind in _TYPES)
