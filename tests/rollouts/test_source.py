"""Which tasks a job takes, by name."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeact.errors import UsageError
from codeact.rollouts import Job, TaskSource, known_results, subset
from codeact.rollouts.results import begun
from codeact.tasks import Expected, Profile, Suite, Task, suite, workbench
from codeact.types import JSON


def tasks(domains: str) -> list[Task]:
    return [
        Task(id=f"{domain}{n}", domain=domain, prompt="?", open=workbench(lambda actions: []), judge=Expected(n))
        for n, domain in enumerate(domains)
    ]


@given(st.text("abc", min_size=1, max_size=30), st.integers(0, 5), st.data())
def test_a_subset_is_even_ordered_and_within_every_larger_one(domains: str, seed: int, data: st.DataObject) -> None:
    everything = tasks(domains)
    count = data.draw(st.integers(1, len(everything)))
    drawn = [task.id for task in subset(everything, count, seed)]
    assert len(drawn) == count
    assert drawn == [task.id for task in everything if task.id in drawn]
    assert set(drawn) <= {task.id for task in subset(everything, min(count + 1, len(everything)), seed)}
    there, taken = Counter(domains), Counter(id[0] for id in drawn)
    unfinished = [taken[domain] for domain in there if taken[domain] < there[domain]]
    assert all(most - least <= 1 for least in unfinished for most in taken.values())


def test_a_subset_of_a_real_suite_is_the_same_one_everywhere() -> None:
    drawn = subset(suite("m3tooleval").tasks(), 5, 7)
    assert [task.id for task in drawn] == [
        "message_decoder/length_based_decoding_puzzle",
        "cryptobotanists_plant_dna_sequencer/validate_transcribe_translate",
        "trade_calculator/comparative_profit_analysis",
        "travel_itinerary_planning/grand_tour_vacation",
        "web_browsing/reduced_sum_mystical_crystal_ball_magical_spellbook",
    ]
    with pytest.raises(UsageError, match="a subset of 83 tasks cannot be drawn from 82"):
        subset(suite("m3tooleval").tasks(), 83)


def test_a_source_makes_the_same_tasks_again() -> None:
    source = TaskSource(suite="m3gen", options={"count": 3, "calls": [2, 4]}, reply_tokens=99)
    assert [task.id for task in source.tasks()] == [task.id for task in suite("m3gen").tasks(count=3, calls=[2, 4])]
    assert {task.rules.reply_tokens for task in source.tasks()} == {99}
    assert TaskSource(suite="m3gen").tasks()[0].rules == suite("m3gen").tasks()[0].rules


MBPP = {
    "task_id": 601,
    "text": "Double a number.",
    "code": "def double(n):\n    return 2 * n",
    "test_setup_code": "",
    "test_list": ["assert double(2) == 4"],
    "challenge_test_list": [],
}


def made_from(data: Path, suite: str = "programming", profile: str | None = "mbpp") -> JSON:
    source = TaskSource(suite=suite, profile=profile, options={"data": str(data)})
    return source.made()[1]["data"]


def test_data_is_known_by_the_files_that_are_read_and_not_by_where_they_are(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "elsewhere"
    for folder in (here, there):
        folder.mkdir()
        (folder / "mbpp.jsonl").write_text(json.dumps(MBPP))
    (there / "notes.txt").write_text("read by nobody")
    known = made_from(here)
    assert str(known).startswith("sha256:")
    assert known == made_from(there) == made_from(there / "mbpp.jsonl")
    (here / "mbpp.jsonl").write_text(json.dumps({**MBPP, "test_list": ["assert double(3) == 6"]}))
    assert made_from(here) != known  # though the ids of its tasks are the same


def test_a_job_whose_data_have_changed_is_not_gone_on_with(tmp_path: Path) -> None:
    def job() -> Job:
        source = TaskSource(suite="programming", profile="mbpp", options={"data": str(tmp_path)})
        tasks, options = source.made()
        return Job(suite="programming", profile="mbpp", model="m", tasks=tasks, actions=["code"], options=options)

    (tmp_path / "mbpp.jsonl").write_text(json.dumps(MBPP))
    with begun(tmp_path / "r.jsonl", job()):
        pass
    with begun(tmp_path / "r.jsonl", job()):
        pass
    (tmp_path / "mbpp.jsonl").write_text(json.dumps({**MBPP, "text": "Double it."}))
    with pytest.raises(
        UsageError, match=r"its options\.data is 'sha256:\w+', and here it is 'sha256:\w+' \(the files .* have changed"
    ):
        known_results(tmp_path / "r.jsonl", job())


THEIRS = """
from pathlib import Path
from codeact.tasks import Profile, Suite

def tasks(*, data):
    return list(Path(data).rglob("*"))[:0]

PLAIN = Profile(name="plain", summary="", tasks=tasks)
SUITE = Suite(name="theirs", summary="", readme=Path(__file__), profiles=[PLAIN])
"""


def test_of_a_suite_that_reads_in_its_own_way_all_that_is_there_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "suite_of_theirs.py").write_text(THEIRS)
    monkeypatch.syspath_prepend(tmp_path)
    data = tmp_path / "data/deep"
    data.mkdir(parents=True)
    known = [made_from(tmp_path / "data", "suite_of_theirs:SUITE", None)]
    (data / "file").write_text("a")
    known.append(made_from(tmp_path / "data", "suite_of_theirs:SUITE", None))
    (data / "file").write_text("b")
    known.append(made_from(tmp_path / "data", "suite_of_theirs:SUITE", None))
    assert len(set(known)) == 3


def test_an_option_that_a_suite_does_not_have_is_named() -> None:
    plain = Profile(name="plain", summary="", tasks=lambda: tasks("a"))  # pyright: ignore[reportArgumentType] -- as in docs/tasks.md
    bare = Suite(name="bare", summary="", readme=__file__, profiles=[plain])  # pyright: ignore[reportArgumentType]
    with pytest.raises(UsageError, match="bare has no option 'size'; the profile 'plain' takes none"):
        bare.tasks(size=3)
