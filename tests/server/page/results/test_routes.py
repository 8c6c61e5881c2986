"""The pages of results as they are served: real episodes, hostile ones, files that change, addresses that are none."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from codeact.rollouts import Job, oracle, run_job
from codeact.sandbox.local import LocalSandbox
from codeact.server.page.results import wanted
from codeact.server.page.results.routes import results
from codeact.server.page.results.shelf import Shelf
from codeact.tasks import suite
from codeact.types import (
    Answer,
    CodeAction,
    Completion,
    Display,
    ExecError,
    ExecResult,
    Image,
    Message,
    NativeCall,
    Observation,
    Outcome,
    Reply,
    Step,
    ToolCall,
    ToolCalls,
    ToolRecord,
    ToolResults,
    Trajectory,
)

from ...keeping import keeping  # noqa: TID252 (tests are no package with a name)
from ..harmless import ATTACKS, Inspector, check_harmless  # noqa: TID252
from ..test_mounting import served  # noqa: TID252
from .lines import NOON, answering, broken, job, played, raw

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def shown(*places: Path) -> AsyncGenerator[httpx2.AsyncClient]:
    app = FastAPI()
    app.include_router(results(Shelf(places)))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1") as client:
        yield client


def text(html: str) -> str:
    body = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def episodes(html: str) -> list[str]:
    return re.findall(r'href="(/results/\w+/\w+[^"]*)"', html)


def check_still(page: httpx2.Response) -> None:
    """Nothing in it is of a file's making, and its policy would not let it be."""
    policy = page.headers["content-security-policy"]
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    body = page.text.partition("<main>")[2].replace(' action="/results"', "", 1).replace('<a href="/">', "", 1)
    check_harmless(body, links=("/results",))


async def test_a_real_bench_of_two_tasks(tmp_path: Path, warm_sandbox: LocalSandbox) -> None:
    tasks = suite("m3tooleval").tasks()[:2]
    path = tmp_path / "m3.jsonl"
    await run_job(
        Job(suite="m3tooleval", profile="fixed", model="oracle", tasks=tasks), path, oracle, sandbox=warm_sandbox
    )
    async with shown(tmp_path) as client:
        page = await client.get("/results")
        assert page.status_code == 200
        check_still(page)
        said = text(page.text)
        assert f"m3tooleval fixed {tmp_path.name}/m3.jsonl oracle 2/2 = 100.0 % (34.2 to 100.0)" in said
        assert "6 of 6" in said
        assert all(task.id in said for task in tasks)
        address = episodes(page.text)[0]
        page = await client.get(address)
        assert page.status_code == 200
        check_still(page)
        tags = Inspector(page.text).found
        assert [made["aria-label"] for tag, made in tags if tag == "section"] == ["code", "json", "text"]
        assert not {"script", "button", "form", "input"} & {tag for tag, _ in tags}
        assert "✓ solved" in text(page.text)
        assert '<pre class="code"' in page.text


async def test_what_an_episode_shows(tmp_path: Path) -> None:
    lines = [job(3), played("t-0"), played("t-0", "json", trajectory=eventful("It is *2*."), solved=False, reason="no")]
    (tmp_path / "one.jsonl").write_bytes(b"".join([*lines, played("t-1"), broken("t-2", "code", "no <room>")]))
    async with shown(tmp_path) as client:
        listed = await client.get("/results", params={"task": "t-*"})
        first, second, third = episodes(listed.text)
        assert first.endswith("?task=t-%2A")
        page = await client.get(first)
        for said in (
            "How much is 1 + 1?",
            "Be brief.",
            "KeyError",
            "print",
            "rate(",
            "It is <em>2</em>.",
            "read_me {}",
        ):
            assert said in page.text
        assert "✗ wrong answer" in text(page.text)
        assert page.text.count("<summary>As written</summary>") == 1, "a call of JSON is drawn as Python"
        assert '<img src="data:image/png;base64,' in page.text
        assert f'<a href="{second}">Next</a>' in page.text
        assert "Before" not in page.text
        page = await client.get(third)
        assert "no &lt;room&gt;" in page.text
        assert f'<a href="{second}">Before</a>' in page.text


async def test_what_went_wrong_is_counted_and_led_to(tmp_path: Path) -> None:
    unread = Step(number=1, completion=Completion(text="?!"), started=NOON)
    cut = replace(answering("2", "turn_limit"), steps=(unread,), outcome=Outcome(status="turn_limit"))
    lines = [job(2), played("t-0", solved=False), played("t-1", solved=False, trajectory=cut), played("t-1", "json")]
    (tmp_path / "one.jsonl").write_bytes(b"".join(lines))
    async with shown(tmp_path) as client:
        page = await client.get("/results")
        check_still(page)
        kinds = text(page.text.partition('aria-label="What went wrong"')[2].partition("</table>")[0])
        assert kinds == "> what went wrong parse wrong answer code 1 1", "json has failed in nothing"
        address = re.findall(r'<a href="(/results[?][^"]*failure=parse[^"]*)"', page.text)[0].replace("&amp;", "&")
        found = await client.get(address)
        assert len(episodes(found.text)) == 1
        one = (await client.get(episodes(found.text)[0].replace("&amp;", "&"))).text
        assert '<p class="kind">parse</p>' in one
        assert one.count("How much is 1 + 1?") == 1, "the task stands above the columns"


async def test_nothing_that_a_file_holds_can_run(tmp_path: Path) -> None:
    for number, attack in enumerate(ATTACKS):
        names = {"suite": attack, "profile": attack, "model": attack, "actions": [attack, "code"]}
        lines = [
            job(1, **names),
            played(attack, attack, solved=False, failure=attack, reason=attack, domain=attack),
            played(attack, "code", trajectory=eventful(attack), solved=False, reason=attack),
            broken(f"{attack} again", "code", attack),
        ]
        (tmp_path / f"{number} <b onclick=hack()>.jsonl").write_bytes(b"".join(lines))
    async with shown(tmp_path) as client:
        page = await client.get("/results")
        check_still(page)
        addresses = episodes(page.text)
        assert len(addresses) == 2 * len(ATTACKS)
        for address in addresses:
            check_still(await client.get(address))
        for attack in ATTACKS:
            check_still(await client.get("/results", params=dict.fromkeys(("task", "model", "end", "job"), attack)))


async def test_what_is_not_as_we_write_it_is_said_to_be_unreadable(tmp_path: Path) -> None:
    lines = [raw(played("t-0"), steps=[{"number": "x"}]), raw(played("t-1"), task="\ud800 lone"), played("\ud800")]
    (tmp_path / "one.jsonl").write_bytes(b"".join([job(3), *lines]))
    async with shown(tmp_path) as client:
        pages = [await client.get(address) for address in episodes((await client.get("/results")).text)]
        assert [page.status_code for page in pages] == [200, 200, 200]
        assert "this line cannot be read" in pages[0].text
        assert "? lone" in pages[1].text


async def test_addresses_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_bytes(job(1) + played("t-0"))
    async with shown(tmp_path) as client:
        known = episodes((await client.get("/results")).text)[0]
        for address in (f"{known[:-1]}!", "/results/x/y", f"{known}/more", "/results/..%2f..%2fetc/passwd"):
            answer = await client.get(address)
            assert answer.status_code == 404, address
        (tmp_path / "one.jsonl").unlink()
        assert (await client.get(known)).status_code == 404
        assert "There are no results files yet" in (await client.get("/results")).text


async def test_a_long_list_comes_in_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codeact.server.page.results.drawn.PAGE", 2)
    assert wanted.PAGE == 50
    (tmp_path / "one.jsonl").write_bytes(b"".join([job(5), *(played(f"t-{number}") for number in range(5))]))
    async with shown(tmp_path) as client:
        counts = [len(episodes((await client.get("/results", params={"page": page})).text)) for page in (1, 2, 3, 9)]
        assert counts == [2, 2, 1, 1]
        page = (await client.get("/results?page=2&end=solved")).text
        assert 'rel="prev" href="/results?end=solved"' in page
        assert 'rel="next" href="/results?end=solved&amp;page=3"' in page


async def test_the_same_task_of_another_model_is_a_link_away(tmp_path: Path) -> None:
    for model in ("one", "two"):
        (tmp_path / f"{model}.jsonl").write_bytes(job(1, model=model) + played("t-0"))
    async with shown(tmp_path) as client:
        first, second = episodes((await client.get("/results")).text)
        assert f'<a href="{second}">by two (' in (await client.get(first)).text


async def test_results_are_for_users_alone(tmp_path: Path, warm_sandbox: LocalSandbox) -> None:
    (tmp_path / "one.jsonl").write_bytes(job(1) + played("t-0"))
    async with keeping(warm_sandbox) as house:
        async with served(house, shelf=Shelf([tmp_path])) as (_, client):
            page = await client.get("/results")
            address = episodes(page.text)[0]
            assert (await client.get(address)).status_code == 200
            assert "/results" in (await client.get("/")).text
            for path in ("/results", address):
                answer = await client.get(path, headers={"x-owner": ""})
                assert answer.status_code == 403
                assert "t-0" not in answer.text
        async with served(house) as (_, client):
            assert (await client.get("/results")).status_code == 404
            assert "/results" not in (await client.get("/")).text


def eventful(text: str) -> Trajectory:
    """An episode with a bit of everything, and this text in all of its places."""
    record = ToolRecord(name="rate", args={"$": "tuple", "v": [text]}, kwargs={text: [text]}, text=text)
    result = ExecResult(
        stdout=f"print {text}",
        stderr=text,
        value=text,
        displays=(
            Display(data={"image/png": b"\x89PNG", "text/plain": text}),
            Display(data={"text/html": text, "image/svg+xml": text}),
            Display(data={"text/html": text}),
            Display(data={"text/markdown": text}),
        ),
        error=ExecError(kind="exception", name="KeyError", message=text, traceback=text),
        tool_calls=(record,),
        overflow=text,
    )
    unread = Completion(text=text, reasoning=text, calls=(NativeCall("1", "read_me", "{}"),))
    calls = ToolResults((record, replace(record, error=text)))
    call = ToolCalls((ToolCall("rate", (text,), {"year": text}),))
    observed = Observation(text=text, images=(Image(b"x", text),))
    steps = (
        Step(number=1, completion=unread, observation=observed, started=NOON),
        Step(number=2, completion=unread, reply=Reply(action=CodeAction(text)), result=result, started=NOON),
        Step(number=3, completion=unread, reply=Reply(action=call, thought=text), result=calls, started=NOON),
        Step(number=4, completion=unread, reply=Reply(action=Answer(text)), started=NOON),
    )
    outcome = Outcome(status="answered", answer=Answer(text), message=text)
    prompt = (Message.of("system", "Be brief."), Message.of("user", text))
    return replace(answering(text), prompt=prompt, steps=steps, outcome=outcome)
