"""Requests made from the application's own description, right and wrong: never a failure, always as described."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .conftest import Users
from .described import JSON, Operation, fitting, operations, refusal

pytestmark = pytest.mark.anyio

ENDLESS = {"/sessions/{id}/events"}
UNDESCRIBED = ("/login", "/logout", "/s/x", "/c/x", "/favicon.ico", "/results", "/results/x/y", "/mcp", "/nowhere")
EACH = 3  # requests that are made up of each operation
WRONG: tuple[Any, ...] = (None, True, -1, 1e300, "\0", [[]], {"a": [None]})
JSON_BODIES = (b"", b"null", b"[]", b"{", b"[" * 10_000, b"\xff\xfe")
FORM_BODIES = (b"", b"--x\r\n", b"--x\r\n\r\n\r\n--x--")
BODIES = [
    *(("application/json", body) for body in JSON_BODIES),
    *(("multipart/form-data; boundary=x", body) for body in FORM_BODIES),
    ("multipart/form-data", b"x"),
    ("text/plain", b"x"),
]


@st.composite
def requests(draw: st.DrawFn, operation: Operation, ids: Mapping[str, str]) -> dict[str, Any]:
    wrong = draw(st.sampled_from([False, False, True]))
    named, params = dict[str, str](), dict[str, Any]()
    for each in operation.described.get("parameters", ()):
        value = draw(st.text(max_size=20) if wrong else fitting(each["schema"], operation.whole))
        if each["in"] == "path":
            named[each["name"]] = ids.get(each["name"], "") if draw(st.booleans()) else str(value) or "-"
        elif each["in"] == "query" and value is not None and (each.get("required") or draw(st.booleans())):
            params[each["name"]] = value
    body = operation.body
    sent = draw(JSON if wrong or body is None else fitting(body, operation.whole))
    return {
        "method": operation.method,
        "url": operation.filled(named).partition("?")[0],
        "params": params,
        "json": sent,
    }


def generated(strategy: st.SearchStrategy[dict[str, Any]]) -> list[dict[str, Any]]:
    """Hypothesis runs a test function itself, and does not get along with fixtures that are async: so it only makes."""
    made: list[dict[str, Any]] = []

    @settings(max_examples=EACH)
    @given(strategy)
    def make(request: dict[str, Any]) -> None:
        made.append(request)

    make()
    return made


async def existing(users: Users) -> dict[str, str]:
    async with users.by("ann") as ann:
        chat = {"model": "codeact", "messages": [{"role": "user", "content": "x"}], "store": True}
        return {
            "id": (await ann.post("/sessions", json={})).json()["id"],
            "completion_id": (await ann.post("/v1/chat/completions", json=chat)).json()["id"],
            "container_id": (await ann.post("/v1/containers", json={"name": "x"})).json()["id"],
            "response_id": (await ann.post("/v1/responses", json={"model": "codeact", "input": "x"})).json()["id"],
        }


async def test_any_request_is_answered_as_it_is_described(users: Users) -> None:
    ids = await existing(users)
    async with users.by("ann") as ann:
        for operation in operations(users.application):
            if operation.path in ENDLESS:
                continue
            for request in generated(requests(operation, ids)):
                answer = await ann.request(**request)
                assert answer.status_code < 500, (request, answer.text)
                described = {*operation.described["responses"], "404", "405"}
                assert str(answer.status_code) in described, (request, answer.text)
                assert "default-src 'none'" in answer.headers["content-security-policy"]
                if answer.status_code >= 400:
                    refusal(operation.path, answer)


async def test_a_field_of_any_wrong_type_is_no_failure(users: Users) -> None:
    """Each field of each body in turn, with all else as it should be."""
    ids = await existing(users)
    async with users.by("ann") as ann:
        for operation in operations(users.application):
            fields = (operation.body or {}).get("properties", {})
            for name in fields:
                for value in WRONG:
                    body = {**operation.least(), name: value}
                    answer = await ann.request(operation.method, operation.filled(ids), json=body)
                    assert answer.status_code < 500, (operation.path, body, answer.text)
                    if answer.status_code >= 400:
                        refusal(operation.path, answer)


async def test_a_body_of_any_wrong_kind_is_no_failure(users: Users) -> None:
    ids = await existing(users)
    async with users.by("ann") as ann:
        for operation in operations(users.application):
            if operation.method == "GET":
                continue
            for kind, body in BODIES:
                headers = {"content-type": kind}
                answer = await ann.request(operation.method, operation.filled(ids), content=body, headers=headers)
                assert answer.status_code < 500, (operation.path, kind, body, answer.text)


async def test_a_huge_body_is_refused_everywhere(users: Users) -> None:
    async with users.by("ann") as ann:
        for operation in operations(users.application):
            if operation.method == "GET":
                continue
            answer = await ann.request(operation.method, operation.filled({}), content=b" " * 500_000)
            assert answer.status_code == 413, operation.path
            refusal(operation.path, answer)


async def test_addresses_that_are_not_described_take_anything_without_failing(users: Users) -> None:
    """Those of the page, of logging in, and of MCP."""
    async with users.by("ann") as ann:
        for path in UNDESCRIBED:
            for kind, body in BODIES:
                for method in ("POST", "PUT", "DELETE"):
                    answer = await ann.request(method, path, content=body, headers={"content-type": kind})
                    assert answer.status_code < 500, (method, path, kind, body, answer.text)
            for wrong in WRONG:
                answer = await ann.get(path, params={"code": str(wrong), "page": str(wrong), "task": str(wrong)})
                assert answer.status_code < 500, (path, wrong, answer.text)
            assert 400 <= (await ann.post(path, content=b" " * 500_000)).status_code < 500, path


async def test_the_description_is_whole(users: Users) -> None:
    """Each operation has a name of its own, words, the errors it may give in the form it has, and who may ask."""
    described = list(operations(users.application))
    names = [each.described["operationId"] for each in described]
    assert len(set(names)) == len(names)
    assert {each.path.split("/")[1] for each in described} >= {"sessions", "shared", "v1", "execute"}
    for each in described:
        public = each.path.startswith(("/shared/", "/healthz", "/readyz"))
        assert ("security" in each.described) is not public, each.path
        form = "application/json" if each.path.startswith("/v1/") else "application/problem+json"
        assert all(form in each.described["responses"][status]["content"] for status in ("401", "404")), each.path
