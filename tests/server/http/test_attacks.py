"""A test per attack on the HTTP side. docs/serve.md lists them by these names."""

from __future__ import annotations

import hmac
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import anyio
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.routing import WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from codeact.errors import ModelError, NotFoundError, SetupError, StoreError
from codeact.models.base import Model
from codeact.server.house import House
from codeact.server.http.app import app
from codeact.server.http.credentials import COOKIE, digest, new_token
from codeact.server.http.problems import of_error
from codeact.server.http.settings import HttpSettings
from codeact.server.nouns import Settings
from codeact.server.page.screen import told_of
from codeact.server.shared_model import OpenedOnce

from ..keeping import until  # noqa: TID252 (tests are no package with a name)
from .conftest import TOKENS, URL, Users, served
from .described import operations, refusal

pytestmark = pytest.mark.anyio

OPEN = {"/healthz", "/readyz", "/shared/{token}", "/shared/{token}/export", "/shared/{token}/media/{digest}"}
REFUSED = (401, 429)  # the second once there were many


async def test_nothing_is_open_without_a_token(users: Users) -> None:
    page = ("/", "/c/1", "/favicon.ico", "/_nicegui/1/x", "/_nicegui_ws/socket.io", "/results", "/results/1/1")
    async with users.http() as anybody:
        for each in operations(users.application):
            if each.path not in OPEN:
                answer = await anybody.request(each.method, each.filled({}))
                assert answer.status_code in REFUSED, each.path
                refusal(each.path, answer)
        for path in ("/openapi.json", "/docs", "/nowhere", "/mcp", "/v1", "/v1/", "/v1/nowhere", *page):
            assert (await anybody.get(path)).status_code in REFUSED, path
        for path in ("/sessions/../healthz/x", "//healthz", "/healthz/"):
            assert (await anybody.get(path)).status_code in REFUSED, path


async def test_a_wrong_token_is_refused_and_soon_only_now_and_then_looked_at(users: Users) -> None:
    async with users.http(authorization="Bearer cat_wrong") as wrong, users.by("ann") as ann:
        answers = [(await wrong.get("/me")).status_code for _ in range(25)]
        assert answers[:20] == [401] * 20
        assert answers[-1] == 429
        assert (await ann.get("/me")).status_code == 200
    for header in ("Basic YW5uOng=", TOKENS["ann"], "Bearer", "Bearer " + "x" * 10_000):
        async with users.http(authorization=header) as wrong:
            assert (await wrong.get("/me")).status_code in (401, 429)


async def test_guesses_cost_the_database_little_and_nobody_behind_the_same_address_is_kept_out(
    house: House, users: Users, cookie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []
    find = house.store.owner_of

    async def counted(digest: bytes) -> str | None:
        asked.append(digest)
        return await find(digest)

    monkeypatch.setattr(house.store, "owner_of", counted)
    for guess in ({"authorization": "Bearer cat_wrong"}, {"cookie": f"codeact={cookie}x"}):
        async with users.http(**guess, accept="text/html") as stranger:
            for path in ("/me", "/", "/login", "/healthz", "/shared/none"):
                for _ in range(12):
                    await stranger.get(path)
    assert len(asked) < 60, "half of all that was tried, and that only where a machine is very slow"
    async with users.http(cookie=f"codeact={cookie}") as ann, users.by("bob") as bob:
        assert (await ann.get("/me")).json()["owner"] == "ann"
        assert (await bob.get("/me")).json()["owner"] == "bob"


async def test_secrets_are_compared_as_digests_and_all_of_them(
    house: House, users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the time that an answer takes tells neither how much of a guess is right nor which secret it is like."""
    compared: list[tuple[bytes, bytes]] = []
    compare = hmac.compare_digest

    def noted(known: bytes, asked: bytes) -> bool:
        compared.append((known, asked))
        return compare(known, asked)

    monkeypatch.setattr(hmac, "compare_digest", noted)
    for token in (TOKENS["ann"], TOKENS["ann"][:-1] + "x", "x"):
        compared.clear()
        async with users.http(authorization=f"Bearer {token}") as somebody:
            await somebody.get("/me")
        asked = digest(token)
        assert {(digest(known), asked) for known in TOKENS.values()} <= set(compared)
        assert all(len(each) == 32 for pair in compared for each in pair)
    service, compared[:] = users.application.state.service, []
    codes = [service.credentials.invite("ann") for _ in range(3)]
    async with users.http() as somebody:
        await somebody.get("/login", params={"code": codes[0][:-1]})
        await somebody.post("/login", data={"code": codes[0][:-1]})
    assert {known for known, _ in compared} >= {digest(code) for code in codes}
    assert all(len(each) == 32 for pair in compared for each in pair)


async def everything(house: House, users: Users, owner: str) -> dict[str, str]:
    """What a user may have: ids by the names that the description has for them."""
    chat = await users.client(owner).create(f"{owner}'s")
    run = await chat.send("run: open('theirs.txt', 'w').write('x')")
    await (await house.room(chat.id, owner=owner)).wait()
    share = await chat.share()
    ask: dict[str, Any] = {"model": "codeact", "store": True}
    async with users.by(owner) as http:
        upload = await http.post("/v1/files", files={"file": ("a.txt", b"a")}, data={"purpose": "user_data"})
        container = (await http.post("/v1/containers", json={"name": "mine"})).json()["id"]
        file = await http.post(f"/v1/containers/{container}/files", files={"file": ("a.txt", b"a")})
        response = await http.post("/v1/responses", json={**ask, "input": "hello"})
        said = [{"role": "user", "content": "hello"}]
        completion = await http.post("/v1/chat/completions", json={**ask, "messages": said})
    return {
        "id": chat.id,
        "run": run.id,
        "token": share.path.rpartition("/")[2],
        "path": "theirs.txt",
        "/v1/files/": upload.json()["id"],
        "container_id": container,
        "file_id": file.json()["id"],
        "response_id": response.json()["id"],
        "completion_id": completion.json()["id"],
    }


async def test_another_users_things_are_as_unknown_as_what_never_was(house: House, users: Users) -> None:
    theirs = await everything(house, users, "bob")
    never = {name: ("f" * 32 if name not in ("path",) else id) for name, id in theirs.items()}
    owned = {"id", "response_id", "completion_id", "container_id", "file_id"}
    async with users.by("ann") as ann:
        for each in operations(users.application):
            if not owned & set(each.parameters):
                continue
            asked = [await ann.request(each.method, each.filled(ids), json=each.least()) for ids in (theirs, never)]
            said = [unnamed(answer.text, ids) for answer, ids in zip(asked, (theirs, never), strict=True)]
            assert [answer.status_code for answer in asked] == [404, 404], (each.method, each.path, said)
            assert said[0] == said[1]
            refusal(each.path, asked[0])
    async with users.by("bob") as bob:
        for each in operations(users.application):
            named = each.parameters and not {"digest", "model"} & set(each.parameters)
            if named and each.method == "GET" and not each.path.endswith("/events"):
                answer = await bob.get(each.filled(theirs))
                assert answer.status_code == 200, (each.path, answer.text)


async def test_anothers_ids_are_as_unknown_within_a_session_of_ones_own(house: House, users: Users) -> None:
    theirs = await everything(house, users, "bob")
    room = await house.room((await house.new_chat("bob", Settings(approve=True))).id, owner="bob")
    await room.send("run: 1", files=[("a.txt", b"of bob alone")])
    theirs["question"] = (await until(room, "approval_asked")).event["question"]
    theirs["media"] = sha256(b"of bob alone").hexdigest()
    async with users.by("ann") as ann, users.by("bob") as bob:
        here = f"/sessions/{(await ann.post('/sessions', json={})).json()['id']}"
        for never in ("f" * 32, None):
            ids = {name: never or id for name, id in theirs.items()}
            run, question = {"run": ids["run"]}, ids["question"]
            for method, path, body in (
                ("GET", f"runs/{ids['run']}", None),
                ("GET", f"export?form=markdown&run={ids['run']}", None),
                ("GET", f"media/{ids['media']}", None),
                ("POST", "retry", run),
                ("POST", "edit", {**run, "text": "Mine now"}),
                ("POST", "move", run),
                ("POST", "shares", run),
                ("DELETE", f"shares/{ids['token']}", None),
                ("POST", f"approvals/{question}", {"yes": True}),
                ("POST", f"questions/{question}", {"text": "yes"}),
            ):
                answer = await ann.request(method, f"{here}/{path}", json=body)
                assert answer.status_code == 404, (method, path, answer.text)
        assert (await bob.get(f"/shared/{theirs['token']}")).status_code == 200, "his link shows what it did"
        assert (await bob.get(f"/sessions/{room.chat.id}/media/{theirs['media']}")).status_code == 200
    assert room.running is not None, "he is asked still"
    await room.stop()


def unnamed(text: str, ids: dict[str, str]) -> str:
    for id in set(ids.values()):
        text = text.replace(id, "ID")
    return text


async def test_a_malformed_id_is_as_unknown_as_any(users: Users) -> None:
    async with users.by("ann") as ann:
        for id in ("%00", "a%2Fb", "'; drop table chats; --", "x" * 5000, "%F0%9F%92%A9", "..%2F.."):
            assert (await ann.get(f"/sessions/{id}")).status_code == 404


@pytest.fixture
async def cookie(users: Users) -> AsyncIterator[str]:
    async with users.http() as browser:
        code = users.application.state.service.credentials.invite("ann")
        answer = await browser.get("/login", params={"code": code})
        assert answer.status_code == 200
        flags = answer.headers["set-cookie"]
        assert all(flag in flags for flag in ("HttpOnly", "SameSite=strict", "Path=/", "codeact=" + COOKIE))
        yield answer.cookies["codeact"]


async def status(users: Users, cookie: str, method: str = "POST", path: str = "/sessions", **headers: str) -> int:
    async with users.http(cookie=f"codeact={cookie}", **headers) as browser:
        body = {} if method == "POST" else None
        return (await browser.request(method, path, json=body)).status_code


async def test_a_page_of_another_origin_can_do_nothing_with_the_cookie(users: Users, cookie: str) -> None:
    assert await status(users, cookie, origin=URL, sec_fetch_site="same-origin") == 201
    assert await status(users, cookie, origin="https://evil.example", sec_fetch_site="cross-site") == 403
    assert await status(users, cookie, origin="http://127.0.0.1:9999", sec_fetch_site="same-site") == 403
    assert await status(users, cookie, origin="null") == 403
    assert await status(users, cookie) == 403
    assert await status(users, cookie, "GET", "/me", origin="http://127.0.0.1:9999") == 403
    assert await status(users, cookie, "GET", "/me", sec_fetch_site="cross-site", sec_fetch_mode="no-cors") == 403


async def test_a_page_of_another_origin_is_told_nothing_by_cors(users: Users) -> None:
    async with users.http(origin="https://evil.example", access_control_request_method="POST") as page:
        answer = await page.request("OPTIONS", "/sessions")
        assert answer.status_code == 401
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_page_of_another_origin_cannot_log_the_browser_in_as_somebody_else(users: Users) -> None:
    form = {"token": TOKENS["bob"]}
    async with users.http(origin="https://evil.example") as page:
        assert (await page.post("/login", data=form)).status_code == 403
    async with users.http(origin=URL) as ours:
        assert (await ours.post("/login", data=form)).status_code == 200
        assert (await ours.post("/login", data={"token": "cat_wrong"})).status_code == 403


async def test_a_name_rebound_to_this_machine_is_refused(users: Users) -> None:
    for host in ("evil.example", "evil.example:8321", ""):
        async with users.http(host=host, authorization=f"Bearer {TOKENS['ann']}") as rebound:
            assert (await rebound.get("/me")).status_code == 403
            assert (await rebound.get("/healthz")).status_code == 403


async def asgi(users: Users, scope: dict[str, Any]) -> list[dict[str, Any]]:
    """What the application sends for a bare scope."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"} if scope["type"] == "websocket" else {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    defaults = {"path": "/ws", "raw_path": b"/ws", "query_string": b"", "client": ("127.0.0.1", 1), "root_path": ""}
    await users.application({"asgi": {"version": "3.0"}, "scheme": "http", **defaults, **scope}, receive, send)
    return sent


async def test_no_page_of_another_origin_opens_a_websocket(users: Users, cookie: str) -> None:
    host, ours = (b"host", b"127.0.0.1:8321"), (b"cookie", f"codeact={cookie}".encode())
    for extra in ([(b"origin", b"http://127.0.0.1:9999")], [(b"origin", b"null")], []):
        sent = await asgi(users, {"type": "websocket", "headers": [host, ours, *extra], "subprotocols": []})
        assert sent == [{"type": "websocket.close", "code": 1008}]
    sent = await asgi(users, {"type": "websocket", "headers": [host, (b"origin", URL.encode())], "subprotocols": []})
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_two_hosts_and_lengths_that_are_none_are_refused(users: Users) -> None:
    twice = [(b"host", b"localhost"), (b"host", b"evil.example")]
    sent = await asgi(users, {"type": "http", "method": "GET", "headers": twice})
    assert sent[0]["status"] == 403
    named = [(b"host", b"localhost"), (b"authorization", f"Bearer {TOKENS['ann']}".encode())]
    for length in (b"-1", b"0x10", b"1e3", b" ", "٣".encode(), b"9" * 5000):
        length_header = (b"content-length", length)
        sent = await asgi(users, {"type": "http", "method": "POST", "headers": [*named, length_header]})
        assert sent[0]["status"] in (400, 413), length


async def test_a_cookie_is_no_token_and_a_token_is_no_cookie(users: Users, cookie: str) -> None:
    async with users.http(authorization=f"Bearer {cookie}") as wrong:
        assert (await wrong.get("/me")).status_code == 401
    assert await status(users, TOKENS["ann"], "GET", "/me") == 401
    assert await status(users, cookie, "GET", "/me") == 200
    assert await status(users, cookie, "GET", "/me", authorization="Bearer cat_wrong") == 401


async def test_a_login_link_is_good_once_and_not_used_up_by_looking_ahead(users: Users) -> None:
    code = users.application.state.service.credentials.invite("ann")
    async with users.http() as browser:
        ahead = await browser.get("/login", params={"code": code}, headers={"sec-purpose": "prefetch;prerender"})
        assert "set-cookie" not in ahead.headers
        assert (await browser.head("/login", params={"code": code})).status_code == 405
        assert "set-cookie" in (await browser.get("/login", params={"code": code})).headers
        again = await browser.get("/login", params={"code": code})
        assert again.status_code == 403
        assert "set-cookie" not in again.headers
        assert "script" not in again.text


async def test_logging_out_and_time_end_a_cookie(users: Users, cookie: str) -> None:
    credentials = users.application.state.service.credentials
    began = credentials.now()
    credentials.now = lambda: began + credentials.lasts + 60
    assert await status(users, cookie, "GET", "/me") == 401
    credentials.now = lambda: began
    assert await status(users, cookie, "POST", "/logout", origin=URL) == 303
    assert await status(users, cookie, "GET", "/me") == 401


async def test_taking_a_token_back_ends_the_cookies_that_were_got_with_it(house: House, users: Users) -> None:
    token = new_token()
    await house.store.add_token("ann", digest(token))
    async with users.http(origin=URL) as browser:
        assert (await browser.post("/login", data={"token": token})).status_code == 200
        assert (await browser.get("/me")).json()["owner"] == "ann"
        cookie = browser.cookies["codeact"]
        await house.store.delete_token(digest(token))
        assert (await browser.get("/me")).status_code == 401
    async with users.http(cookie=f"codeact={cookie.partition('.')[0]}") as cut:
        assert (await cut.get("/me")).status_code == 401


async def test_taking_a_token_back_ends_the_sockets_that_were_got_with_it(house: House) -> None:
    token, ended = new_token(), anyio.Event()

    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("welcome")
        with pytest.raises(WebSocketDisconnect):
            await socket.receive_text()
        ended.set()

    await house.store.add_token("ann", digest(token))
    made = app(house, settings=HttpSettings(again=0.1))
    made.router.routes.append(WebSocketRoute("/talk", talk))
    named = [(b"host", b"localhost"), (b"authorization", f"Bearer {token}".encode())]
    sent: list[Message] = []
    come: list[Message] = [{"type": "websocket.connect"}]

    async def receive() -> Message:
        if not come:
            await anyio.sleep_forever()
        return come.pop()

    async def send(message: Message) -> None:
        sent.append(message)
        if message.get("text") == "welcome":
            await house.store.delete_token(digest(token))

    scope = {"type": "websocket", "path": "/talk", "query_string": b"", "headers": named, "subprotocols": []}
    async with made.router.lifespan_context(made):
        with anyio.fail_after(30):
            await made({"asgi": {"version": "3.0"}, "scheme": "ws", "client": ("127.0.0.1", 1), **scope}, receive, send)
    assert ended.is_set()
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.send", "websocket.close"]


async def test_old_cookies_are_forgotten(house: House, users: Users, cookie: str) -> None:
    credentials = users.application.state.service.credentials
    began = credentials.now()
    await credentials.forget_old()
    assert await house.store.owner_of(digest(cookie)) == "ann"
    credentials.now = lambda: began + credentials.lasts + 60
    await credentials.forget_old()
    assert await house.store.owner_of(digest(cookie)) is None


async def test_a_login_link_that_nobody_used_ends(users: Users) -> None:
    credentials = users.application.state.service.credentials
    began, code = credentials.now(), credentials.invite("ann")
    credentials.now = lambda: began + 3601
    async with users.http() as browser:
        assert (await browser.get("/login", params={"code": code})).status_code == 403


async def test_a_huge_body_is_refused_before_it_is_read(users: Users) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536

    async with users.by("ann") as ann:
        declared = await ann.post("/sessions", content=b"x" * 300_000)
        undeclared = await ann.post("/sessions", content=endless(), headers={"content-type": "application/json"})
        chat = (await ann.post("/sessions", json={})).json()["id"]
        upload = await ann.put(f"/sessions/{chat}/files/x", content=endless())
        for answer in (declared, undeclared, upload):
            assert answer.status_code == 413
            assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_that_does_not_come_is_given_up(house: House) -> None:
    hasty = Users(served(house, HttpSettings(patience=0.05)))

    async def stuck() -> AsyncIterator[bytes]:
        yield b"{"
        await anyio.sleep_forever()

    async with hasty.by("ann") as ann:
        answer = await ann.post("/sessions", content=stuck(), headers={"content-type": "application/json"})
        assert answer.status_code == 408


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"[" * 100_000, 400),
        (b'{"a":' * 20_000, 400),
        (b'{"title": 1e999999}', 422),
        (b"\xff\xfe", 422),
        (b'{"title": "\\ud800"}', 422),
        (b"nul", 422),
    ],
    ids=("brackets", "braces", "number", "bytes", "surrogate", "word"),
)
async def test_a_body_made_to_break_a_parser_is_a_wrong_request(users: Users, body: bytes, expected: int) -> None:
    async with users.by("ann") as ann:
        answer = await ann.post("/sessions", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == expected, answer.text


async def test_no_path_leads_out_of_the_workspace(users: Users) -> None:
    chat = await users.client("ann").create()
    await chat.run_code("import os; os.symlink('/etc/passwd', 'link'); os.symlink('/etc', 'folder')")
    async with users.by("ann") as ann:
        for path in ("%2e%2e/x", "..%2fx", "a/%2e%2e/%2e%2e/x", "%2fetc/passwd", "a%00b", "a//b", "%0d%0aX:y"):
            for method in ("GET", "PUT", "DELETE"):
                answer = await ann.request(method, f"/sessions/{chat.id}/files/{path}")
                assert answer.status_code in (404, 405, 422), (method, path, answer.text)
        for path in ("link", "folder/passwd"):
            answer = await ann.get(f"/sessions/{chat.id}/files/{path}")
            assert answer.status_code in (400, 404)
            assert "root:" not in answer.text


async def test_a_file_of_the_codes_is_never_a_page_of_ours(users: Users) -> None:
    chat = await users.client("ann").create()
    await chat.put("page.html", b"<script>alert(1)</script>")
    async with users.by("ann") as ann:
        answer = await ann.get(f"/sessions/{chat.id}/files/page.html")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment;")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]


async def test_a_drawing_that_may_hold_a_script_is_saved_and_not_shown(house: House, users: Users) -> None:
    chat = await users.client("ann").create()
    for kind, shown in (("image/svg+xml", False), ("text/html", False), ("image/png", True)):
        data = b"<svg onload=alert(1)>" + kind.encode()
        name = digest(data.decode()).hex()
        await house.store.keep_media(chat.id, name, kind, data)
        async with users.by("ann") as ann:
            answer = await ann.get(f"/sessions/{chat.id}/media/{name}")
            assert answer.headers["content-type"] == (kind if shown else "application/octet-stream")
            assert ("content-disposition" in answer.headers) is not shown


async def test_every_answer_has_the_strict_headers(users: Users) -> None:
    async with users.http() as anybody, users.by("ann") as ann:
        for answer in (
            await anybody.get("/me"),
            await ann.get("/me"),
            await ann.get("/nowhere"),
            await ann.get("/metrics"),
        ):
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["x-frame-options"] == "DENY"
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["referrer-policy"] == "no-referrer"
        assert "script-src" not in (await anybody.get("/login")).headers["content-security-policy"]


async def test_a_failure_of_ours_says_nothing_of_the_machine(users: Users, caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> None:
        raise RuntimeError("the password is hunter2, in /srv/secret.toml")

    users.application.add_api_route("/broken", broken)
    async with users.by("ann") as ann:
        answer = await ann.get("/broken")
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert answer.headers["x-request-id"] in answer.text
    assert answer.headers["x-request-id"] in caplog.text


async def test_what_is_wrong_with_the_service_is_in_its_log_and_not_in_the_answer(
    users: Users, caplog: pytest.LogCaptureFixture
) -> None:
    """Seen: no image of a session could be pulled; the answer sent people to the log, and nothing was there."""

    async def broken() -> None:
        raise SetupError("the cluster cannot get the image 'registry.example.org/box'")

    users.application.add_api_route("/broken", broken)
    async with users.by("ann") as ann:
        answer = await ann.get("/broken")
    assert answer.status_code == 503
    assert "registry.example.org" not in answer.text
    assert f"request {answer.headers['x-request-id']}: the cluster cannot get the image" in caplog.text


async def test_what_the_database_says_is_in_the_log_and_not_in_the_answer(
    house: House, users: Users, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(digest: bytes) -> None:
        raise StoreError("the database '/srv/private/chats.db' is locked")

    monkeypatch.setattr(house.store, "owner_of", broken)
    for path in ("/me", "/v1/models"):
        async with users.http(authorization="Bearer cat_anything") as anybody:
            answer = await anybody.get(path)
        assert (answer.status_code, "/srv" in answer.text) == (503, False)
    assert caplog.text.count("/srv/private/chats.db") == 2
    assert "/srv" not in bytes(of_error(StoreError("of '/srv/private/chats.db'")).body).decode()
    assert "/srv" not in told_of(StoreError("of '/srv/private/chats.db'"))
    assert told_of(NotFoundError("There is none.")) == "There is none."


async def test_a_model_that_cannot_be_opened_says_nothing_of_the_machine(caplog: pytest.LogCaptureFixture) -> None:
    @asynccontextmanager
    async def missing() -> AsyncIterator[Model]:
        raise SetupError("no weights in /srv/private/models")
        yield

    async with anyio.create_task_group() as tasks:
        with pytest.raises(ModelError) as caught:
            await OpenedOnce("local:small", missing, tasks).model()
    assert "/srv" not in str(caught.value)
    assert "/srv/private/models" in caplog.text


async def test_the_log_has_no_secret(users: Users, cookie: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "codeact.server.access")
    code = users.application.state.service.credentials.invite("ann")
    async with users.by("ann") as ann, users.http(cookie=f"codeact={cookie}") as browser:
        await ann.get("/me", params={"token": "in-the-query"})
        await browser.get("/login", params={"code": code})
        await ann.get("/shared/" + "s" * 43)
        await ann.get("/a%0d%0ab")
    assert len([record for record in caplog.records if record.name == "codeact.server.access"]) >= 4
    for secret in (TOKENS["ann"], cookie, code, "in-the-query", "s" * 43, "\r"):
        assert secret not in caplog.text


async def test_no_span_has_the_token_of_a_share(users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    async with users.by("ann") as ann:
        for path in ("/me", "/shared/TOKEN", "/shared/TOKEN/export", "/s/TOKEN", "/login?code=TOKEN"):
            await ann.get(path)
        await ann.delete("/sessions/1/shares/TOKEN")
    spans = [span.to_json() for span in exporter.get_finished_spans()]
    assert any("/me" in span for span in spans), "nothing is traced at all"
    assert not any("TOKEN" in span for span in spans)


async def test_who_asks_too_often_waits_and_others_do_not(house: House) -> None:
    users = Users(served(house, HttpSettings(rate=0.001, burst=5)))
    async with users.by("ann") as ann, users.by("bob") as bob:
        assert [(await ann.get("/me")).status_code for _ in range(6)] == [200] * 5 + [429]
        refused = await ann.get("/me")
        assert int(refused.headers["retry-after"]) > 0
        assert (await bob.get("/me")).status_code == 200


async def test_a_stranger_can_neither_fill_the_audit_log_nor_keep_the_service_busy(house: House) -> None:
    users = Users(served(house, HttpSettings(rate=0.001, burst=40)))
    async with users.http(origin=URL) as stranger:
        answers = [(await stranger.post("/login", data={"token": "cat_wrong"})).status_code for _ in range(45)]
        assert answers == [403] * 20 + [429] * 25
        assert (await stranger.get("/shared/none")).status_code == 429
        assert (await stranger.get("/healthz")).status_code == 200
    assert len(await house.store.deeds(owner="")) == 20


async def test_nobody_gives_himself_more_than_is_offered(users: Users) -> None:
    async with users.by("ann") as ann:
        for settings in (
            {"network": "open"},
            {"tools": ["os.system"]},
            {"model": "openai:other"},
            {"turns": 1000},
            {"memory": 2**40},
        ):
            assert (await ann.post("/sessions", json={"settings": settings})).status_code == 422, settings
        for body in ({"owner": "bob"}, {"id": "mine"}, {"settings": {"sandbox": "subprocess"}}):
            assert (await ann.post("/sessions", json=body)).status_code == 422


async def test_a_share_gives_nothing_but_to_read_its_branch(house: House, users: Users) -> None:
    client = users.client("ann")
    chat = await client.create()
    await chat.send("run: print('shown')")
    await (await house.room(chat.id, owner="ann")).wait()
    share = await chat.share()
    await chat.undo()
    await chat.send("run: print('another branch')")
    await (await house.room(chat.id, owner="ann")).wait()
    async with users.http() as anybody:
        shown = (await anybody.get(share.path)).text
        assert "shown" in shown
        assert "another branch" not in shown
        assert chat.id not in shown
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert (await anybody.request(method, share.path)).status_code in (403, 404, 405)
        assert (await anybody.get(f"/sessions/{chat.id}")).status_code == 401
        assert (await anybody.get(f"{share.path}/../../me")).status_code == 401


async def test_every_login_logout_and_refusal_is_in_the_audit_log(house: House, users: Users, cookie: str) -> None:
    async with users.http(origin=URL) as browser:
        await browser.post("/login", data={"token": "cat_wrong"})
        await browser.post("/logout", headers={"cookie": f"codeact={cookie}"})
    assert [deed.what for deed in await house.store.deeds(owner="ann")] == ["logout", "login"]
    assert [deed.what for deed in await house.store.deeds(owner="")] == ["refused"]
