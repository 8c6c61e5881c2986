"""Questions about tables: how they get into a session, how an answer is judged; generated and published ones."""

from __future__ import annotations

import io
import json
import lzma
import tarfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from codeact.errors import UsageError
from codeact.models import ScriptedModel
from codeact.rollouts import oracle_rows, play_episode
from codeact.sandbox.local import LocalSandbox
from codeact.tasks import Cells, Furnished, suite
from codeact.tasks.tables.denotation import answered, normalised, read_value, same, unescaped
from codeact.tasks.tables.domains import DOMAINS
from codeact.tasks.tables.kinds import KINDS
from codeact.tasks.tables.table import FORMS, Form, Table, head_of, setup_of, table_of
from codeact.tasks.tables.wtq import form_of, read, read_rows
from codeact.types import Answer

pytestmark = pytest.mark.anyio

REAL = Path(__file__).parents[3] / "shared/data/wikitablequestions"
with_real_data = pytest.mark.skipif(not REAL.is_dir(), reason=f"WikiTableQuestions' files are not at {REAL}")

SUITE = suite("tables")
HEAD = "id\tutterance\tcontext\ttargetValue\n"
LINES = [
    "nt-0\twhich team was first?\tcsv/1-csv/0.csv\tRovers",
    "nt-1\twhich teams drew?\tcsv/1-csv/0.csv\tUnited|Old Town",
    "nt-2\thow many live there?\tcsv/1-csv/1.csv\t12,467",
]
CSV = {
    "csv/1-csv/0.csv": '"No","Team","Notes","notes",""\n"1","Rovers","\\"the\\"","",""\n"2","United","a\nb","",""\n',
    "csv/1-csv/1.csv": '"Town","People"\n"Orun","12,467"\n',
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The publisher's files in small, with the tables unpacked."""
    (tmp_path / "training.tsv").write_text(HEAD + "\n".join(LINES) + "\n")
    for name, text in CSV.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("form", FORMS)
async def test_the_experts_answer_generated_questions_in_three_turns(form: Form, warm_sandbox: LocalSandbox) -> None:
    tasks = SUITE.tasks(count=10, seed=3, forms=form)
    assert {task.labels["group"] for task in tasks} == set(KINDS)
    [row] = await oracle_rows(tasks, formats=["code"], sandbox=warm_sandbox)
    assert [episode.verdict.reason for episode in row.episodes if not episode.verdict.correct] == []
    assert row.most_turns == 3


async def test_every_kind_in_every_domain_and_form_is_answered_by_its_query() -> None:
    """The facts and the query are two ways to the answer; here the queries run without a box, for speed."""
    tasks = SUITE.tasks(count=640, seed=1)
    assert {(task.domain, task.labels["group"]) for task in tasks} == {(one, two) for one in DOMAINS for two in KINDS}
    assert Counter(task.labels["format"] for task in tasks) == {"sql": 320, "pandas": 320}
    for task in [*tasks[::4], *tasks[1::8]]:
        oracle = task.oracles["code"]
        assert isinstance(oracle, Cells)
        async with task.open("code") as world:
            assert isinstance(world, Furnished)
            scope: dict[str, Any] = {}
            exec(world.session_setup, scope)
            exec(oracle.cells[1].code.removesuffix("\nprint(result)"), scope)  # type: ignore[union-attr]
            verdict = task.judge(Answer(str(scope["result"]), scope["result"]), world)
        assert verdict.correct, (task.id, verdict.reason)


def test_the_same_seed_gives_the_same_tasks_and_another_gives_others() -> None:
    prompts = [[task.prompt for task in SUITE.tasks(seed=seed, count=80)] for seed in (0, 0, 1)]
    assert prompts[0] == prompts[1]
    assert len(set(prompts[0] + prompts[2])) == 160


async def test_a_wrong_answer_and_a_list_of_guesses_fail_with_a_reason(warm_sandbox: LocalSandbox) -> None:
    [task] = SUITE.tasks(count=1, kinds="superlative", forms="pandas")
    guess = "```python\nfinal_answer(df.iloc[:, 0].tolist())\n```"
    episode = await play_episode(task, ScriptedModel(["Nobody", guess, "x"]), sandbox=warm_sandbox)
    assert (episode.verdict.correct, episode.result.turns) == (False, 2)
    assert episode.verdict.reason.startswith("expected ")


async def test_only_code_makes_sense(warm_sandbox: LocalSandbox) -> None:
    [task] = SUITE.tasks(count=1)
    with pytest.raises(UsageError, match="tables has no tools, so it cannot be played in 'text' actions"):
        await play_episode(task, ScriptedModel(["x"]), actions="text", sandbox=warm_sandbox)


ODD = table_of(
    ['a "b"', "n", "N", "", "x y"],
    [["1", "1,234", "007", "", "it's"], ["-2", "5 %", "8", "1.5", 'say "hi"\n\\n'], ["", "", "", "2", ""]],
)


def test_a_table_keeps_its_values_and_makes_its_names_distinct() -> None:
    assert list(ODD.columns) == ['a "b"', "n", "N 2", "column 4", "x y"]
    assert list(ODD.rows) == [
        (1, "1,234", "007", None, "it's"),
        (-2, "5 %", "8", 1.5, 'say "hi"\n\\n'),
        (None, None, None, 2.0, None),
    ]
    assert head_of(ODD).splitlines()[1:3] == ["1 | 1,234 | 007 |  | it's", '-2 | 5 % | 8 | 1.5 | say "hi" \\n']
    assert head_of(Table(["a"], [["x" * 100]])).splitlines()[1] == "x" * 59 + "…"


async def test_a_table_is_the_same_in_a_session(warm_sandbox: LocalSandbox) -> None:
    async with warm_sandbox.open() as session:
        for form in FORMS:
            assert (await session.run(setup_of(ODD, form))).error is None
        query = "print([c[1] for c in conn.execute('PRAGMA table_info(data_table)')])"
        assert (await session.run(query)).stdout == f"{list(ODD.columns)}\n"
        stored = (await session.run("print(conn.execute('SELECT * FROM data_table').fetchall())")).stdout
        assert stored == f"{list(ODD.rows)}\n"
        assert (await session.run("print(list(df.columns), df.shape, df.iloc[1, 4])")).stdout == (
            f"{list(ODD.columns)} (3, 5) {ODD.rows[1][4]}\n"
        )
        kept = await session.checkpoint()
        await session.run("conn.execute('DELETE FROM data_table'); del df")
        await session.restore(kept)
        counted = await session.run("(conn.execute('SELECT COUNT(*) FROM data_table').fetchone(), len(df))")
        assert counted.value == "((3,), 3)"
        left = (await session.run("print([n for n in ('rows', 'columns', 'json', 'quoted') if n in globals()])")).stdout
        assert left == "[]\n"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("  Café   Noir. ", "cafe noir"),
        ("“Quoted”", "quoted"),
        ("New York (state)", "new york"),
        ("(aside)", "(aside)"),
        ("Bolt[2]", "bolt"),
        ("Gold†*", "gold"),
        ("2004–05", "2004-05"),
        ('"a" (b) [c]', "a"),
        ("[1]", ""),
        ("[2][note]", ""),
        ("a" + "[1]" * 40 + "x", "a" + "[1]" * 40 + "x"),  # whoever tries all ways to read that never ends
    ],
)
def test_texts_are_normalised(text: str, plain: str) -> None:
    assert normalised(text) == plain


@pytest.mark.parametrize(
    ("expected", "given", "right"),
    [
        (["2004"], ["2004"], True),
        (["2004"], ["2004.0"], True),
        (["12,467"], ["12467"], True),
        (["12,467"], ["12,4"], False),
        (["1.0"], ["1.0000001"], True),
        (["1.0"], ["1.001"], False),
        (["Bangkok, Thailand"], ["bangkok, thailand"], True),
        (["Zürich"], ["Zurich"], True),
        (["a", "b"], ["b", "a"], True),
        (["a", "b"], ["b", "a", "a"], True),
        (["a", "b"], ["a"], False),
        (["a"], ["a", "b"], False),
        (["a", "a"], ["a"], True),
        (["2", "2.0"], ["2"], True),
        (["2001-05-xx"], ["2001-5-xx"], True),
        (["2001-05-12"], ["2001-05-13"], False),
        (["2001-xx-xx"], ["2001"], True),
        (["5"], ["five"], False),
        (["5"], ["5 points"], False),
        (["nan"], ["NaN"], True),
        (["inf"], ["1e999"], False),
        (["0"], [""], False),
        (["a", "b"], ["", "c"], False),
    ],
)
def test_answers_are_sets_of_values(expected: Sequence[str], given: Sequence[str], right: bool) -> None:
    assert same(expected, given) is right


@pytest.mark.parametrize(
    ("answer", "values"),
    [
        (Answer("5"), ["5"]),
        (Answer("5", 5), ["5"]),
        (Answer("**Rovers**"), ["Rovers"]),
        (Answer("a|b | c"), ["a", "b", "c"]),
        (Answer("['a', 2]"), ["a", "2"]),
        (Answer("('a', 'b')"), ["a", "b"]),
        (Answer("[[1], [2]]", [[1], [2]]), ["1", "2"]),
        (Answer("[not a list"), ["[not a list"]),
        (Answer("['a']", "['a']"), ["a"]),
    ],
)
def test_an_answer_may_be_a_list_in_several_forms(answer: Answer, values: list[str]) -> None:
    assert answered(answer) == values


def test_escapes_of_the_published_files() -> None:
    assert unescaped(r"a\pb\nc\\n") == "a|b\nc\\n"
    assert read_value("1-2-2003").date is None
    assert read_value("99-13-01").date is None


async def test_the_published_format(data: Path, warm_sandbox: LocalSandbox) -> None:
    tasks = SUITE.tasks("wikitablequestions", data=str(data), largest=0)
    assert [task.id for task in tasks] == [f"wtq/nt-{n}-{form_of(f'nt-{n}', 0)}" for n in range(3)]
    assert all(task.labels["licence"] == "CC-BY-SA-4.0" and not task.oracles for task in tasks)
    column = "conn.execute('SELECT Team FROM data_table')" if tasks[1].id.endswith("sql") else "df['Team']"
    replies = [f"```python\nprint(list({column}))\n```", "Old Town | united"]
    episode = await play_episode(tasks[1], ScriptedModel(replies), sandbox=warm_sandbox)
    assert episode.verdict.correct
    assert [task.id for task in SUITE.tasks("wikitablequestions", data=str(data), largest=2)] == [
        task.id for task in tasks[:2]
    ]
    both = [len(SUITE.tasks("wikitablequestions", data=str(data), forms=form)) for form in FORMS]
    assert sum(both) == 3


def test_tables_come_from_the_archive_too(data: Path) -> None:
    unpacked = read(str(data))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as archive:
        for name, text in CSV.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    (data / "csv").rename(data / "elsewhere")
    (data / "tables.tar.xz").write_bytes(buffer.getvalue())
    assert read(str(data / "training.tsv")) == unpacked
    (data / "tables.tar.xz").write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    with pytest.raises(UsageError, match=r"tables cannot be read: .*tables.tar.xz"):
        read(str(data))
    (data / "tables.tar.xz").write_bytes(lzma.compress(b"no archive"))
    with pytest.raises(UsageError, match=r"tables cannot be read: .*tables.tar.xz"):
        read(str(data))


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (HEAD + LINES[0] + "\nnt-1\twhich", r"line 3 of .* has 2 of 4 fields"),
        (HEAD + LINES[0] + "\tmore\n", r"line 2 of .* has 5 of 4 fields"),
        (HEAD + "nt-1\twhich?\tcsv/1-csv/0.csv\t\n", r"line 2 of .* has 3 of 4 fields"),
        (json.dumps({"question": "1 + 1?"}) + "\n", "line 1 of .* should name id, utterance, context, targetValue"),
        ("", "line 1 of .* should name"),
    ],
)
def test_a_line_that_is_no_question_is_named(text: str, wrong: str, tmp_path: Path) -> None:
    (tmp_path / "training.tsv").write_text(text)
    with pytest.raises(UsageError, match=wrong):
        SUITE.tasks("wikitablequestions", data=str(tmp_path))


def test_a_missing_or_broken_table_is_named(data: Path) -> None:
    (data / "csv/1-csv/1.csv").write_text('"Town","Peo')
    with pytest.raises(UsageError, match=r"'csv/1-csv/1.csv' cannot be read"):
        read(str(data))
    (data / "csv/1-csv/1.csv").write_text("")
    with pytest.raises(UsageError, match=r"'csv/1-csv/1.csv' has no header"):
        read(str(data))
    (data / "csv/1-csv/1.csv").unlink()
    with pytest.raises(UsageError, match=r"1 of 2 tables are missing .*'csv/1-csv/1.csv'"):
        read(str(data))


@pytest.mark.parametrize(
    ("profile", "options", "wrong"),
    [
        ("wikitablequestions", {}, "no data of its own; remedy: data=FOLDER with the files of https://"),
        ("wikitablequestions", {"data": "/nowhere"}, "cannot be read"),
        ("wikitablequestions", {"data": "/nowhere", "forms": "excel"}, "no form 'excel'; there are: sql, pandas"),
        ("wikitablequestions", {"data": "/nowhere", "largest": -1}, "largest=-1"),
        ("generated", {"domains": "moons"}, "no domain 'moons'; there are: ships"),
        ("generated", {"kinds": "riddle"}, "no kind 'riddle'"),
        ("generated", {"count": 0}, "count of 1 or more"),
    ],
)
def test_options_that_cannot_be(profile: str, options: dict[str, Any], wrong: str) -> None:
    with pytest.raises(UsageError, match=wrong):
        SUITE.tasks(profile, **options)


@with_real_data
def test_all_published_questions_load_and_each_reference_is_right() -> None:
    rows, tables = read(str(REAL))
    assert (len(rows), len(tables)) == (14_152, 1_679)
    assert len({row.id for row in rows}) == 14_152
    assert all(
        same(row.values, row.values) and same(row.values, answered(Answer("|".join(row.values)))) for row in rows
    )
    assert sum(form_of(row.id, 0) == "sql" for row in rows) in range(6_900, 7_250)
    assert all(len(set(map(str.casefold, table.columns))) == len(table.columns) for table in tables.values())
    assert read_rows(REAL / "training.tsv") == rows


@with_real_data
async def test_the_largest_published_tables_fit_into_a_session(warm_sandbox: LocalSandbox) -> None:
    tables = sorted(read(str(REAL))[1].values(), key=lambda table: table.size)
    async with warm_sandbox.open() as session:
        for table in (tables[-1], tables[-2]):
            for form in FORMS:
                assert (await session.run(setup_of(table, form))).error is None
            counted = await session.run("conn.execute('SELECT COUNT(*) FROM data_table').fetchone()[0] == len(df)")
            assert counted.value == "True"
