"""The 82 tasks: what they are, their tools' semantics, and what the two profiles make of the same thing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import pytest

from codeact.errors import ToolError
from codeact.tasks import Expected, Task, suite
from codeact.tasks.m3tooleval import dna, travel
from codeact.tasks.m3tooleval.decoder import caesar_decode, convert_hex_to_ascii
from codeact.tasks.m3tooleval.suite import BARE
from codeact.tasks.m3tooleval.web import Browser
from codeact.tasks.m3tooleval.web_pages import ITEMS, PEOPLE, pages
from codeact.tools import ToolSet
from codeact.types import ToolCall

pytestmark = pytest.mark.anyio

SUITE = suite("m3tooleval")
FIXED, PAPER = SUITE.tasks(), SUITE.tasks("paper")


def task(name: str, tasks: Sequence[Task] = FIXED) -> Task:
    return next(task for task in tasks if task.id.endswith(f"/{name}"))


def expected(task: Task) -> object:
    assert isinstance(task.judge, Expected)
    return task.judge.value


async def call(task: Task, name: str, *args: object, actions: str = "json") -> object:
    async with task.open(actions) as world:
        return await ToolSet(world.tools).call(ToolCall(name, args))


async def test_there_are_82_with_the_originals_domains_and_types() -> None:
    assert len({task.id for task in FIXED}) == 82
    assert [task.id for task in FIXED] == [task.id for task in PAPER]
    assert Counter(task.domain for task in FIXED) == {
        "message_decoder": 8,
        "cryptobotanists_plant_dna_sequencer": 8,
        "trade_calculator": 17,
        "travel_itinerary_planning": 15,
        "web_browsing": 34,
    }
    types = Counter(type(expected(task)).__name__ for task in FIXED)
    assert types == {"str": 29, "float": 25, "int": 21, "list": 4, "dict": 1, "tuple": 1, "bool": 1}


async def test_no_prompt_and_no_tool_tells_the_answer() -> None:
    """Where the answer is one of the choices that the question names, it has to be in the prompt."""
    choices = {"validate_transcribe_translate", "validate_find_longest_valid_sequence"}
    for one in FIXED:
        async with one.open("code") as world:
            told = one.prompt + "".join(spec.doc for spec in ToolSet(world.tools).specs)
        value = expected(one)
        if isinstance(value, str | float) and len(str(value)) > 1 and one.id.rpartition("/")[2] not in choices:
            assert str(value) not in told, one.id


async def test_the_defective_questions_differ_between_the_profiles() -> None:
    pairs = zip(FIXED, PAPER, strict=True)
    differing = {one.id.rpartition("/")[2] for one, other in pairs if one.prompt != f"{other.prompt} {BARE}"}
    assert differing == {
        "longest_decoded_string",
        "find_most_common_nucleotide_and_transcribe",
        "validate_find_longest_valid_sequence",
        "find_most_common_nucleotide_combined_sequence",
        "estimate_final_value",
        "best_trade_route_selection",
        "quantity_tariff_tradeoff",
        "plan_trip_to_0",
    }


async def test_every_episode_has_a_world_of_its_own() -> None:
    one = task("price_of_legendary_wand")
    async with one.open("json") as first, one.open("json") as second:
        await ToolSet(first.tools).call(ToolCall("click_url", ("/about",)))
        assert "About us" in str(await ToolSet(first.tools).call(ToolCall("view")))
        assert "The Wizards' Shop" in str(await ToolSet(second.tools).call(ToolCall("view")))


async def test_decoding_keeps_case_and_what_is_no_letter() -> None:
    assert caesar_decode("Ab, Zé 9", 3) == "Xy, Wé 9"
    assert convert_hex_to_ascii("4a656d") == "Jem"


async def test_the_dna_tools_settle_ties_by_first_appearance() -> None:
    assert list(dna.count_nucleotides("GATTACA").items()) == [("G", 1), ("A", 3), ("T", 2), ("C", 1)]
    assert dna.find_max_nucleotide("G", 3, "A", 3) == ("G", 3)
    assert dna.translate_mrna_to_amino_acid("AUGUUUUUCGGGA") == "Methionine-Phenylalanine-Phenylalanine-X-X"
    assert dna.reverse_transcribe_mrna_to_dna(dna.transcribe_dna_to_mrna("ACGT")) == "ACGT"
    assert not dna.is_valid_dna_sequence("AGCTTX")


async def test_places_may_stand_in_quotes_and_an_unknown_one_is_refused() -> None:
    one = task("budget_trip_to_paris")
    assert await call(one, "find_flights", '"E"', "A", "2023-12-25") == [
        {"from_location": "E", "to_location": "A", "date": "2023-12-25", "price": 450}
    ]
    with pytest.raises(ToolError, match="there is no location 'Paris'; there are: A, B"):
        await call(one, "find_flights", "E", "Paris", "2023-12-25")


async def test_a_hotel_needs_all_the_preferences() -> None:
    prices = [hotel["price_per_night"] for hotel in travel.Agency(str).book_hotel("C", "wifi", "pool")]
    assert prices == [110]
    assert len(travel.Agency(str).book_hotel("C")) == 4
    assert travel.Agency(str).book_hotel("C", "sauna") == []


async def test_the_web_site_has_55_pages_and_all_can_be_reached() -> None:
    assert (len(pages("fixed")), len(ITEMS), len(PEOPLE)) == (55, 20, 16)
    assert reachable("fixed") == pages("fixed").keys()


async def test_in_the_papers_edition_eight_pages_cannot_be_reached() -> None:
    lost = pages("paper").keys() - reachable("paper")
    assert len(lost) == 8
    misplaced = {"/blog/wand-maintenance", "/team/customer-support"}
    assert lost - misplaced == {path for path in lost if path.startswith("/team/customer_support/")}


def reachable(edition: str) -> set[str]:
    site = pages(edition)  # type: ignore[arg-type]
    found, waiting = {"/"}, ["/"]
    while waiting:
        links = set(re.findall(r"\[(/[^\]]*)\]", site[waiting.pop()])) & site.keys()
        waiting += links - found
        found |= links
    return found


async def test_a_page_is_seen_five_lines_at_a_time() -> None:
    browser = Browser("fixed")
    assert browser.view().splitlines()[0] == "--- The Wizards' Shop, part 1 of 2 ---"
    assert browser.scroll_up() == "[This is the beginning of the page.]"
    assert browser.scroll_down().splitlines()[1:] == ["Contact [/contact]", "Team [/team]"]
    assert browser.scroll_down() == "[This is the end of the page.]"
    assert "part 1 of" in browser.click_url("/team")
    assert browser.click_url("/nowhere") == "[There is no page '/nowhere' on this site.]"
    assert "The Wizards' Shop" in browser.go_to_previous_page()
    assert browser.go_to_previous_page() == "[There is no page before this one.]"


async def test_the_discounted_item_shows_its_old_price_again() -> None:
    url = "/products/wand/enchanted_wand"
    assert "Price: $118.32 (24% off, was $155.68)" in Browser("fixed").click_url(url)
    assert "was $118.32" in Browser("paper").click_url(url)


async def test_a_failing_calculation_says_why_except_in_the_papers_edition() -> None:
    name = "interstellar_trade_transaction"
    with pytest.raises(ToolError, match="'x' is not arithmetic"):
        await call(task(name), "calculator", "2 * x")
    assert "could not be calculated" in str(await call(task(name, PAPER), "calculator", "2 * x"))
    assert await call(task(name, PAPER), "calculator", "max(2, 3)") == 3


async def test_only_the_papers_tools_have_names_of_builtins() -> None:
    async def names(tasks: Sequence[Task], actions: str) -> set[str]:
        async with task("grand_tour_vacation", tasks).open(actions) as world:
            return {spec.name for spec in ToolSet(world.tools).specs}

    assert await names(FIXED, "code") == await names(FIXED, "text") >= {"max_value", "min_value", "sum_values"}
    assert await names(PAPER, "text") >= {"max", "min", "sum"}
    assert await names(PAPER, "code") & {"max", "min", "sum"} == {"sum"}


async def test_the_readme_lies_beside_the_suite() -> None:
    assert "| profile `paper` | profile `fixed` | why |" in SUITE.readme.read_text(encoding="utf-8")
