"""Knowledge: look-ups in books, on the net, in documents and recordings; and the calculator, the date, e-mail."""

from __future__ import annotations

import operator
import re
from typing import Any

from codeact.tasks.apibank.api import Api, Checker, Words
from codeact.tasks.apibank.compare import alike, any_order, day_of_year, lower, stripped, without_spaces
from codeact.tasks.apibank.search import best
from codeact.tasks.apibank.world import TODAY, CallError, World
from codeact.tasks.arithmetic import evaluate

DOMAIN = "knowledge"

_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
_LANGUAGES = {
    "arabic": "ar",
    "chinese": "zh-cn",
    "dutch": "nl",
    "english": "en",
    "french": "fr",
    "german": "de",
    "hindi": "hi",
    "italian": "it",
    "japanese": "ja",
    "korean": "ko",
    "portuguese": "pt",
    "russian": "ru",
    "spanish": "es",
}


def search_engine(world: World, keyword: Words) -> list[dict[str, str]]:
    """Search the web, and get the two pages that fit best.

    Args:
        keyword: What to search for.
    """
    if not world.on_net:
        raise CallError("SearchEngine ranks with a module that was not there")
    index = world.databases.get("SearchEngine", {"raw_documents": [], "tokenized_documents": []})
    return [index["raw_documents"][place] for place in best(keyword.strip(), index["tokenized_documents"], 2)]


def wiki(world: World, keyword: Words) -> dict[str, str]:
    """Look a subject up in the encyclopaedia, and get the address of its page and a summary.

    Args:
        keyword: The subject.
    """
    page = world.databases.get("Wiki", {}).get(lower(keyword.replace("_", " ")))
    if page is None:
        raise CallError(f"there is no page on {keyword!r}")
    return {"url": page["url"], "summary": page["summary"]}


def dictionary(world: World, keyword: Words) -> list[dict[str, Any]]:
    """Look a word up in the dictionary, and get its meanings by part of speech.

    Args:
        keyword: The word.
    """
    return world.recording("Dictionary", lambda known: lower(known["keyword"]) == lower(keyword))


def translate(world: World, src: Words, src_lang: Words | None = None, tgt_lang: Words | None = None) -> str:
    """Translate a text.

    Args:
        src: The text.
        src_lang: The language it is in; found out where it is left out.
        tgt_lang: The language to translate to; English where it is left out.
    """
    wanted = (lower(src), _language(tgt_lang))
    return world.recording("Translate", lambda known: (lower(known["src"]), _language(known.get("tgt_lang"))) == wanted)


def query_history_today(world: World, date: Words) -> list[str]:
    """Look up what happened on a day of the year.

    Args:
        date: The day, as MM-DD.
    """
    events = world.table("History").get(day_of_year(date))
    if events is None:
        raise CallError(f"nothing is known of {date!r}")
    return [
        f"Title: {event['Title'].strip()}, Date: {event['Date'].strip()}, Description: {event['Description'].strip()}"
        for event in events
    ]


def document_qa(world: World, url: Words, question: Words) -> str:
    """Answer a question on a document.

    Args:
        url: Address of the document; it ends in .txt.
        question: The question.
    """
    if url.strip() not in world.table("QuestionAnswering"):
        raise CallError(f"the document at {url!r} cannot be read")
    return "The question is too difficult to answer."  # always: as published, a question is sought among dictionaries


def image_caption(world: World, url: Words) -> str:
    """Describe a picture.

    Args:
        url: Address of the picture; it ends in .jpg, .jpeg or .png.
    """
    recorded = {call.arguments["url"]: call.response.output for call in world.recorded.get("ImageCaption", [])}
    return _recognised(world.table("ImageCaptioning") or recorded, url)  # not every copy of the data has the database


def speech_recognition(world: World, url: Words) -> str:
    """Write down what is said in a recording.

    Args:
        url: Address of the recording; it ends in .wav.
    """
    return _recognised(world.table("SpeechRecognition"), url)


def calculator(world: World, formula: Words) -> float:
    """Calculate.

    Args:
        formula: Numbers with +, -, *, / and parentheses, as in (1 + 2) * 3.
    """
    try:
        return float(evaluate(formula))
    except ValueError as error:
        raise CallError(str(error)) from None


def get_today(world: World) -> str:
    """Get the date of today, as YYYY-MM-DD."""
    return TODAY


def send_email(world: World, receiver: Words, subject: Words, content: Words) -> str:
    """Send an e-mail.

    Args:
        receiver: E-mail address of who gets it.
        subject: What it is about.
        content: The text.
    """
    if not _ADDRESS.fullmatch(receiver.strip()):
        raise CallError(f"{receiver!r} is no e-mail address")
    if not subject.strip() or not content.strip():
        raise CallError("the subject or the content is empty")
    return "success"


def _language(name: str | None) -> str:
    return _LANGUAGES.get(lower(name or "en"), lower(name or "en"))


def _recognised(known: dict[str, str], url: str) -> str:
    if url.strip() not in known:
        raise CallError(f"what is at {url!r} cannot be read")
    return known[url.strip()]


def _said_something(given: object, wanted: object) -> bool:
    return given is not None


APIS = (
    Api(name="SearchEngine", domain=DOMAIN, run=search_engine, checker=Checker(others=False, output=alike(any_order))),
    Api(name="Wiki", domain=DOMAIN, run=wiki, checker=Checker(others=False)),
    Api(name="Dictionary", domain=DOMAIN, run=dictionary, checker=Checker(others=False)),
    Api(
        name="Translate",
        domain=DOMAIN,
        run=translate,
        checker=Checker(arguments={"src": operator.eq}, others=False),
    ),
    Api(
        name="QueryHistoryToday",
        domain=DOMAIN,
        run=query_history_today,
        checker=Checker(arguments={"date": alike(day_of_year)}),
    ),
    Api(
        name="DocumentQA",
        domain=DOMAIN,
        run=document_qa,
        checker=Checker(arguments={"url": alike(stripped), "question": alike(stripped)}),
    ),
    Api(name="ImageCaption", domain=DOMAIN, run=image_caption),
    Api(name="SpeechRecognition", domain=DOMAIN, run=speech_recognition),
    Api(
        name="Calculator",
        domain=DOMAIN,
        run=calculator,
        checker=Checker(arguments={"formula": alike(without_spaces)}),
    ),
    Api(name="GetToday", domain=DOMAIN, run=get_today, checker=Checker(output=_said_something)),
    Api(
        name="SendEmail",
        domain=DOMAIN,
        run=send_email,
        checker=Checker(arguments={"receiver": alike(lower), "subject": alike(stripped), "content": alike(stripped)}),
    ),
)
