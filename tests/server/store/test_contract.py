"""What every store promises."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import count

import anyio
import anyio.lowlevel
import pytest
from hypothesis import HealthCheck, given, settings

from codeact.errors import ConflictError, NotFoundError, StoreError
from codeact.server.nouns import Deed, Run, SavedSession, Settings, Share, Told
from codeact.server.store import Store, open_store
from codeact.types import JSON, Image, Message, Trajectory

from ...trajectory.strategies import trajectories  # noqa: TID252 -- whatever the encoding itself is tried with
from .chats import NOON, a_chat, a_run, a_trajectory

pytestmark = pytest.mark.anyio

ODD = "NUL \0, half a pair \ud83d, DLE \x10\x10 \x100000, quote ' \" ; -- % _ \\, é, 你好, 🐍\r\n"


def events(*texts: str) -> Sequence[Mapping[str, JSON]]:
    return [{"kind": "text_delta", "text": text} for text in texts]


def numbers(told: Sequence[Told]) -> list[int]:
    return [one.number for one in told]


# --- chats ----------------------------------------------------------------------------------------


async def test_a_chat_comes_back_as_it_was(store: Store) -> None:
    all_set = Settings(model="local:x", actions="json", tools=("a", "b"), approve=True, temperature=0.5, turns=3)
    chat = a_chat(title=ODD, settings=all_set, head="some run")
    await store.add_chat(chat)
    assert await store.chat(chat.id, owner="ada") == chat


async def test_moments_are_kept_to_the_microsecond_from_any_zone(store: Store) -> None:
    odd = datetime(1969, 7, 20, 22, 56, 15, 999999, tzinfo=timezone(timedelta(hours=-4)))
    chat = a_chat(created=odd)
    await store.add_chat(chat)
    found = await store.chat(chat.id, owner="ada")
    assert found is not None
    assert found.created == odd
    assert found.created.tzinfo is UTC


async def test_an_unknown_id_finds_nothing(store: Store) -> None:
    await store.add_chat(a_chat())
    for id in ("", "there is none", "\0", "\ud83d", "' OR 1=1 --", "x" * 100_000):
        assert await store.chat(id, owner="ada") is None
        assert await store.runs(id) == []
        assert await store.run(id, id) is None
        assert await store.told(id) == []
        assert await store.last_told(id) is None
        assert await store.media(id, id) is None
        assert await store.saved_session(id) is None
        assert await store.share(id) is None
        assert await store.shares(id) == []
        assert await store.holder(id) is None


async def test_another_owners_chat_is_not_there(store: Store) -> None:
    chat = a_chat("ada", title="secret")
    await store.add_chat(chat)
    assert await store.chat(chat.id, owner="eve") is None
    assert await store.chats("eve", search="secret") == []
    assert await store.chat(chat.id, owner="ada\0") is None


async def test_a_chat_is_added_once(store: Store) -> None:
    chat = a_chat()
    await store.add_chat(chat)
    with pytest.raises(ConflictError, match="already"):
        await store.add_chat(replace(chat, owner="eve"))
    assert await store.chat(chat.id, owner="ada") == chat


async def test_chats_come_newest_first_and_by_pages(store: Store) -> None:
    chats = [a_chat(minutes=minute // 2) for minute in range(7)]  # pairs of the same moment
    for chat in chats:
        await store.add_chat(chat)
    seen = page = await store.chats("ada", most=3)
    while page:
        page = await store.chats("ada", before=page[-1], most=3)
        seen = [*seen, *page]
    assert [chat.changed for chat in seen] == sorted((chat.changed for chat in chats), reverse=True)
    assert {chat.id for chat in seen} == {chat.id for chat in chats}
    assert len(seen) == 7


async def test_a_changed_chat_moves_to_the_front(store: Store) -> None:
    first, second = a_chat(), a_chat(minutes=1)
    await store.add_chat(first)
    await store.add_chat(second)
    changed = replace(first, title="Renamed", head="r", settings=Settings(turns=1), changed=NOON + timedelta(hours=1))
    await store.change_chat(changed)
    assert await store.chats("ada") == [changed, second]


async def test_search_finds_words_in_titles_questions_and_answers(store: Store) -> None:
    titled, asked, answered = a_chat(title="Ice CREAM sales"), a_chat(minutes=1), a_chat(minutes=2)
    for chat in (titled, asked, answered):
        await store.add_chat(chat)
    await store.add_run(a_run(asked, "Wie heißt die Straße der Crème?"))
    run = a_run(answered)
    await store.add_run(run)
    await store.change_run(replace(run, trajectory=a_trajectory(run, said="Let me look.", answer="Forty-two, Цезарь")))

    async def found(search: str) -> list[str]:
        return [chat.id for chat in await store.chats("ada", search=search)]

    assert await found("cream") == [titled.id]
    assert await found("sales ICE") == [titled.id]  # each word, in any order
    assert await found("STRASSE") == [asked.id]
    assert await found("cre\u0300me") == [asked.id]  # an accent typed in another way
    assert await found("look") == [answered.id]
    assert await found("цезарь") == [answered.id]
    assert await found("sales 42") == []
    assert await found("  ") == [answered.id, asked.id, titled.id]


async def test_a_hostile_search_is_only_text(store: Store) -> None:
    texts = [
        "%",
        "_",
        "\\",
        "'",
        '" OR *',
        "a NEAR b",
        "(",
        "?",
        "%s",
        "{clock}",
        "\0",
        "\ud800",
        "\x10",
        "x" * 1_000_000,
    ]
    await store.add_chat(a_chat(title="nothing of it"))
    for text in texts:
        titled = a_chat("eve", title=f"before {text} after")
        await store.add_chat(titled)
        assert await store.chats("ada", search=text) == []
        assert titled in await store.chats("eve", search=text)


async def test_a_search_of_very_many_words_is_cut(store: Store) -> None:
    chat = a_chat(title="word")
    await store.add_chat(chat)
    assert await store.chats("ada", search="word " * 50_000) == [chat]


async def test_a_deleted_chat_leaves_nothing_but_its_audit(store: Store) -> None:
    chat, kept = a_chat(), a_chat()
    for each in (chat, kept):
        await store.add_chat(each)
        await store.add_run(a_run(each, id="same"))
        await store.tell(each.id, "same", events("a"))
        await store.keep_media(each.id, "d", "image/png", b"png")
        await store.add_share(Share(token=f"of {each.id}", chat=each.id, head="same", created=NOON))
        await store.hold(each.id, "one")
        await store.save_session(SavedSession(chat=each.id, head=None, state=None, files=b"", skipped={}, saved=NOON))
        await store.note(Deed(at=NOON, owner="ada", chat=each.id, what="action", detail={}))
    await store.delete_chat(chat.id)
    await store.delete_chat(chat.id)  # that it is not there any more is what was wanted
    assert await store.chats("ada") == [kept]
    assert (await store.runs(chat.id), await store.told(chat.id), await store.shares(chat.id)) == ([], [], [])
    assert (await store.media(chat.id, "d"), await store.saved_session(chat.id)) == (None, None)
    assert (await store.share(f"of {chat.id}"), await store.holder(chat.id)) == (None, None)
    assert len(await store.deeds(chat=chat.id)) == 1
    assert len(await store.runs(kept.id)) == len(await store.told(kept.id)) == len(await store.shares(kept.id)) == 1


async def test_a_chat_may_be_deleted_in_the_middle_of_everything(store: Store, other: Store) -> None:
    chat = a_chat()
    await store.add_chat(chat)
    run = a_run(chat)
    await store.add_run(run)
    busy, gone = 0, list[object]()

    async def until_it_is_gone(write: Callable[[int], Awaitable[object]]) -> None:
        nonlocal busy
        with suppress(NotFoundError):
            for number in count():
                await write(number)
                busy += number == 1
        gone.append(write)

    def with_another_prompt(number: int) -> Run:
        prompt = (Message.of("user", f"{number}"),)
        return replace(run, trajectory=replace(a_trajectory(run), prompt=prompt))

    async with anyio.create_task_group() as group:
        group.start_soon(until_it_is_gone, lambda number: store.tell(chat.id, run.id, events(f"{number}")))
        group.start_soon(until_it_is_gone, lambda number: other.change_run(with_another_prompt(number)))
        group.start_soon(until_it_is_gone, lambda number: other.keep_media(chat.id, f"{number}", "text/plain", b""))
        group.start_soon(until_it_is_gone, lambda number: store.hold(chat.id, "one"))
        group.start_soon(until_it_is_gone, lambda number: other.change_chat(replace(chat, title=f"{number}")))
        with anyio.fail_after(60):
            while busy < 5:  # noqa: ASYNC110 (until all are in the middle of it)
                await anyio.sleep(0.01)
        await store.delete_chat(chat.id)
    assert len(gone) == 5
    assert await store.chats("ada") == []


async def test_what_is_about_a_chat_that_is_gone_says_so(store: Store) -> None:
    chat = a_chat()
    run = a_run(chat)
    for attempt in (
        store.change_chat(chat),
        store.add_run(run),
        store.change_run(run),
        store.tell(chat.id, None, events("a")),
        store.keep_media(chat.id, "d", "image/png", b""),
        store.add_share(Share(token="t", chat=chat.id, head="h", created=NOON)),
        store.save_session(SavedSession(chat=chat.id, head=None, state=None, files=b"", skipped={}, saved=NOON)),
        store.hold(chat.id, "one"),
    ):
        with pytest.raises(NotFoundError, match="there is no"):
            await attempt


# --- runs -----------------------------------------------------------------------------------------


async def test_runs_come_back_in_the_order_in_which_they_were_begun(store: Store) -> None:
    chat = a_chat()
    await store.add_chat(chat)
    first = a_run(chat, ODD, files=("a.csv", ODD), created=NOON + timedelta(hours=1))  # a clock that went back
    second = a_run(chat, "again", parent=first.id)
    third = a_run(chat, "a branch", parent=first.id, created=NOON - timedelta(hours=1))
    for run in (first, second, third):
        await store.add_run(run)
    assert await store.runs(chat.id) == [first, second, third]
    with pytest.raises(ConflictError, match="already"):
        await store.add_run(second)
    assert await store.runs(chat.id) == [first, second, third]


async def test_a_run_changes_as_it_goes(store: Store) -> None:
    chat = a_chat()
    await store.add_chat(chat)
    run, sibling = a_run(chat), a_run(chat)
    await store.add_run(run)
    await store.add_run(sibling)
    whole = a_trajectory(run)
    begun = replace(run, trajectory=replace(whole, outcome=None))
    await store.change_run(begun)
    assert await store.run(chat.id, run.id) == begun
    ended = replace(run, status="answered", trajectory=whole)
    await store.change_run(ended)
    assert await store.runs(chat.id) == [ended, sibling]
    assert await store.runs(chat.id, trajectories=False) == [replace(ended, trajectory=None), sibling]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trajectory=trajectories)
async def test_a_trajectory_loses_nothing(store: Store, trajectory: Trajectory) -> None:
    chat = a_chat()
    await store.add_chat(chat)
    run = a_run(chat, trajectory=trajectory)
    await store.add_run(run)
    assert await store.run(chat.id, run.id) == run


async def test_the_talk_before_a_run_is_kept_once(store: Store) -> None:
    chat = a_chat()
    await store.add_chat(chat)
    talk = tuple(Message.of("user", ODD * number, [Image(b"figure" * number)]) for number in range(1, 6))
    runs = [a_run(chat) for _ in talk]
    for end, run in enumerate(runs):
        await store.add_run(run)
        runs[end] = replace(run, trajectory=replace(a_trajectory(run), prompt=(*talk[:end], *talk[:end])))
        await store.change_run(runs[end])
        await store.change_run(runs[end])
    assert await store.runs(chat.id) == runs
    assert await store.run(chat.id, runs[3].id) == runs[3]


async def test_runs_that_nobody_plays_are_found(store: Store) -> None:
    dead, mine, others = chats = [a_chat(), a_chat(), a_chat()]
    for chat in chats:
        await store.add_chat(chat)
    runs = [a_run(chat, id="same") for chat in chats]
    for run in runs:
        await store.add_run(run)
    await store.add_run(a_run(dead, status="answered"))
    assert await store.hold(mine.id, "me")
    assert await store.hold(others.id, "other")
    assert {run.chat for run in await store.running()} == {dead.id}
    assert {run.chat for run in await store.running("me")} == {dead.id, mine.id}


# --- events ---------------------------------------------------------------------------------------


async def test_events_are_numbered_and_read_from_where_one_was(store: Store) -> None:
    chat, neighbour = a_chat(), a_chat()
    await store.add_chat(chat)
    await store.add_chat(neighbour)
    first = await store.tell(chat.id, "r", events("a", ODD))
    assert numbers(first) == [1, 2]
    assert await store.tell(chat.id, None, []) == []
    assert numbers(await store.tell(neighbour.id, "r", events("x"))) == [1]
    second = await store.tell(chat.id, None, [{"kind": "head_moved", "to": None, "deep": {"$tuple": [1.5, "\0"]}}])
    assert numbers(second) == [3]
    assert await store.told(chat.id) == [*first, *second]
    assert await store.told(chat.id, after=1, most=1) == [first[1]]
    assert await store.told(chat.id, after=3) == []
    assert await store.told(chat.id, after=10**30) == []  # whatever a client claims to have seen
    assert await store.told(chat.id, after=-5, most=10**30) == [*first, *second]
    assert await store.told(chat.id, most=-1) == []
    assert await store.last_told(chat.id) == second[-1]


async def test_numbers_have_no_gaps_though_two_replicas_tell(store: Store, other: Store) -> None:
    chat = a_chat()
    await store.add_chat(chat)
    given: list[Told] = []

    async def talk(replica: Store, name: str) -> None:
        for round in range(5):
            given.extend(await replica.tell(chat.id, name, events(*(f"{round}.{part}" for part in range(4)))))

    async with anyio.create_task_group() as group:
        for number in range(4):
            group.start_soon(talk, store, f"here {number}")
            group.start_soon(talk, other, f"there {number}")
    kept = await store.told(chat.id)
    assert numbers(kept) == list(range(1, 161))
    assert kept == sorted(given, key=lambda told: told.number)
    assert all(kept[at].run == kept[at + 3].run for at in range(0, 160, 4))  # each call's stay together


async def test_a_reader_never_sees_a_number_before_those_below(store: Store, other: Store) -> None:
    chat = a_chat()
    await store.add_chat(chat)
    seen: list[int] = []

    async def follow() -> None:
        while len(seen) < 60:
            seen.extend(numbers(await other.told(chat.id, after=len(seen))))
            await anyio.lowlevel.checkpoint()

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(follow)
            for _ in range(20):
                group.start_soon(store.tell, chat.id, None, events("a", "b", "c"))
    assert seen == list(range(1, 61))


async def test_a_tell_that_cannot_be_kept_leaves_no_gap(store: Store) -> None:
    chat = a_chat()
    await store.add_chat(chat)
    with pytest.raises(TypeError):
        await store.tell(chat.id, None, [{"kind": "a"}, {"kind": "b", "no data": object()}])
    assert numbers(await store.tell(chat.id, None, events("c"))) == [1]


async def test_one_failure_does_not_touch_what_is_written_beside_it(store: Store) -> None:
    chat, gone = a_chat(), a_chat()
    await store.add_chat(chat)
    failed: list[str] = []

    async def tell(to: str) -> None:
        try:
            await store.tell(to, None, events("a"))
        except NotFoundError:
            failed.append(to)

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(tell, chat.id)
            group.start_soon(tell, gone.id)
    assert numbers(await store.told(chat.id)) == list(range(1, 11))
    assert failed == [gone.id] * 10


async def test_writes_in_a_cancelled_scope_are_made_whole(store: Store) -> None:
    chat = a_chat()
    await store.add_chat(chat)
    run = a_run(chat)
    ended = replace(run, status="cancelled", trajectory=a_trajectory(run))
    with anyio.CancelScope() as scope:
        scope.cancel()
        await store.add_run(run)
        await store.change_run(ended)
        await store.tell(chat.id, None, events("a", "b"))
        await anyio.lowlevel.checkpoint()  # here it is noticed
        raise AssertionError("not cancelled")
    assert await store.runs(chat.id) == [ended]
    assert numbers(await store.told(chat.id)) == [1, 2]


# --- media, sleeping sessions, shares -------------------------------------------------------------


async def test_media_come_back_byte_by_byte(store: Store) -> None:
    chat = a_chat()
    await store.add_chat(chat)
    data = bytes(range(256)) * 4096
    await store.keep_media(chat.id, "digest", "image/png", data)
    await store.keep_media(chat.id, "digest", "image/png", data)  # the same figure shown again
    await store.keep_media(chat.id, "empty", "text/plain", b"")
    assert await store.media(chat.id, "digest") == ("image/png", data)
    assert await store.media(chat.id, "empty") == ("text/plain", b"")
    assert await store.media("another chat", "digest") is None


async def test_a_saved_session_takes_the_place_of_the_one_before(store: Store) -> None:
    chat = a_chat()
    await store.add_chat(chat)
    first = SavedSession(chat=chat.id, head=None, state=None, files=b"tar", skipped={ODD: "a lock"}, saved=NOON)
    await store.save_session(first)
    assert await store.saved_session(chat.id) == first
    second = replace(first, head="r", state=b"\0state", files=b"", skipped={})
    await store.save_session(second)
    assert await store.saved_session(chat.id) == second


async def test_what_a_user_keeps_is_counted_in_bytes(store: Store) -> None:
    chats = a_chat(), a_chat(), a_chat("bob")
    for chat in chats:
        await store.add_chat(chat)
        for _ in range(2):  # the same figure shown again
            await store.keep_media(chat.id, "d", "image/png", b"\0" * 100)
    saved = SavedSession(chat=chats[0].id, head=None, state=None, files=b"\0" * 20, skipped={}, saved=NOON)
    await store.save_session(saved)
    assert await store.used("ada") == 200 + 20 + len("{}")
    await store.save_session(replace(saved, state=b"\xff" * 3))
    assert (await store.used("ada"), await store.used("bob"), await store.used("nobody")) == (225, 100, 0)
    await store.delete_chat(chats[0].id)
    assert await store.used("ada") == 100


async def test_what_was_said_and_told_counts_as_it_grows_and_shrinks(store: Store) -> None:
    chat = a_chat()
    await store.add_chat(chat)
    await store.tell(chat.id, None, [{"kind": "a"}, {"kind": "é"}])
    assert await store.used("ada") == len(b'{"kind":"a"}') + len('{"kind":"é"}'.encode())
    run = a_run(chat, "x" * 1000)
    await store.add_run(run)
    before = await store.used("ada")
    assert before > 2 * 1000  # as it was written, and as it is searched
    whole = a_trajectory(run, answer="y" * 1000)
    longer = replace(run, trajectory=replace(whole, prompt=(*whole.prompt, Message.of("user", "z" * 1000))))
    await store.change_run(longer)
    after = await store.used("ada")
    assert after > before + 3 * 1000  # the answer twice; what came before once
    await store.change_run(longer)
    assert await store.used("ada") == after
    await store.change_run(run)  # what it followed may be another's past too
    assert before + 1000 < await store.used("ada") < after
    with pytest.raises(ConflictError):
        await store.add_run(run)
    await store.delete_chat(chat.id)
    assert await store.used("ada") == 0


async def test_what_is_written_at_once_is_counted_once(store: Store, other: Store) -> None:
    for owner, beside in (("ada", other), ("bob", store)):
        chat = a_chat(owner)
        await store.add_chat(chat)
        run = a_run(chat, id="r")
        await store.add_run(run)
        limiter = anyio.CapacityLimiter(100 if beside is other else 1)

        async def write(work: Awaitable[object], limiter: anyio.CapacityLimiter = limiter) -> None:
            async with limiter:
                await work

        async with anyio.create_task_group() as group:
            for one in (store, beside) * 10:
                group.start_soon(write, one.keep_media(chat.id, "d", "image/png", bytes(1000)))
                group.start_soon(write, one.tell(chat.id, None, events("told")))
                group.start_soon(write, one.change_run(replace(run, trajectory=a_trajectory(run))))
    assert await store.used("ada") == await store.used("bob")


async def test_shares_are_found_by_token_and_by_chat(store: Store) -> None:
    chat = a_chat()
    await store.add_chat(chat)
    later = Share(token="t2", chat=chat.id, head="r", created=NOON + timedelta(hours=1))
    share = Share(token="t1", chat=chat.id, head="r", created=NOON)
    await store.add_share(later)
    await store.add_share(share)
    with pytest.raises(ConflictError, match="already"):
        await store.add_share(share)
    assert await store.share("t1") == share
    assert await store.shares(chat.id) == [share, later]
    await store.delete_share("t1")
    assert await store.share("t1") is None
    assert await store.shares(chat.id) == [later]


# --- users, audit ---------------------------------------------------------------------------------


async def test_a_token_has_one_owner(store: Store) -> None:
    digest = bytes(range(32))
    assert await store.owner_of(digest) is None
    await store.add_token(ODD, digest)
    await store.add_token(ODD, digest)
    with pytest.raises(ConflictError, match="another user"):
        await store.add_token("eve", digest)
    assert await store.owner_of(digest) == ODD
    await store.delete_token(digest)
    assert await store.owner_of(digest) is None


async def test_tokens_that_are_too_old_go_when_somebody_asks_for_it(store: Store) -> None:
    await store.add_token("ada", b"token")
    await store.add_token("ada", b"old", until=NOON)
    await store.add_token("ada", b"new", until=NOON + timedelta(hours=2))
    await store.forget_tokens(NOON + timedelta(hours=1))
    assert [await store.owner_of(each) for each in (b"token", b"old", b"new")] == ["ada", None, "ada"]


async def test_deeds_come_newest_first(store: Store) -> None:
    deeds = [
        Deed(at=NOON, owner="ada", chat="c", what="action", detail={"code": ODD}),
        Deed(at=NOON, owner="eve", chat=None, what="refused", detail={"path": "/", "status": 401}),
        Deed(at=NOON - timedelta(hours=1), owner="ada", chat=None, what="login", detail={}),  # a clock that went back
    ]
    for deed in deeds:
        await store.note(deed)
    assert await store.deeds() == deeds[::-1]
    assert await store.deeds(owner="ada") == [deeds[2], deeds[0]]
    assert await store.deeds(owner="ada", chat="c") == [deeds[0]]
    assert await store.deeds(most=1) == [deeds[2]]


# --- replicas -------------------------------------------------------------------------------------


async def test_a_chat_is_held_by_one_replica(store: Store, other: Store) -> None:
    chat = a_chat()
    await store.add_chat(chat)
    assert await store.holder(chat.id) is None
    assert await store.hold(chat.id, "one")
    assert not await other.hold(chat.id, "two")
    assert await store.hold(chat.id, "one")  # for longer
    assert await other.holder(chat.id) == "one"
    await other.let_go(chat.id, "two")  # it is not two's to let go
    assert await store.holder(chat.id) == "one"
    await store.let_go(chat.id, "one")
    assert await other.hold(chat.id, "two")


async def test_of_many_that_want_a_chat_one_gets_it(store: Store, other: Store) -> None:
    chat = a_chat()
    await store.add_chat(chat)
    winners: list[str] = []

    async def want(replica: Store, name: str) -> None:
        if await replica.hold(chat.id, name):
            winners.append(name)

    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(want, store, f"here {number}")
            group.start_soon(want, other, f"there {number}")
    assert winners == [await store.holder(chat.id)]


async def test_a_hold_ends_by_itself(store: Store, other: Store) -> None:
    chat = a_chat()
    await store.add_chat(chat)
    assert await store.hold(chat.id, "one", seconds=0.2)
    with anyio.fail_after(30):
        while not await other.hold(chat.id, "two"):  # noqa: ASYNC110 -- a database tells nobody
            await anyio.sleep(0.05)
    assert await store.holder(chat.id) == "two"
    assert not await store.hold(chat.id, "one")


async def test_a_store_is_ready_and_keeps_all_when_it_is_opened_again(store: Store, other: Store) -> None:
    chat = a_chat()
    await store.add_chat(chat)
    await store.ready()
    await other.ready()
    assert await other.chat(chat.id, owner="ada") == chat


async def test_a_store_that_was_closed_says_so(address: str) -> None:
    async with open_store(address) as store:
        pass
    for attempt in (store.ready(), store.chats("ada")):
        with pytest.raises(StoreError, match="has been closed"):
            await attempt
