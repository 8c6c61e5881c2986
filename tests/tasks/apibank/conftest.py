"""A small API-Bank of our own, in the publisher's format, with every trap of the real one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

Turn = dict[str, Any]

ADA = "a1b2c3"  # a token

DATABASES: dict[str, Any] = {
    "Account": {
        "ada": {"password": "engine", "token": ADA, "email": "ada@example.com"},
        "bob": {"password": "builder", "token": "b4d5e6", "email": "bob@example.com"},
    },
    "Agenda": {},
    "Alarm": {"1": {"time": "2023-04-01 07:00:00", "username": "ada"}},
    "Appointments": {"12345678": {"patient_name": "Ada King", "date": "2023-05-01", "doctor_name": "Dr. Who"}},
    "Bank": {"ada": {"balance": 12.5}},
    "HealthData": {},
    "History": {"12-10": [{"Title": "Born", "Date": "1815-12-10", "Description": " Ada Lovelace. "}]},
    "Hotel": {},
    "Meeting": {
        "1": {
            "meeting_topic": "Engines",
            "start_time": "2023-04-02 10:00:00",
            "end_time": "2023-04-02 11:00:00",
            "location": "Room 1",
            "attendees": ["Bob"],
            "username": "ada",
        }
    },
    "QuestionAnswering": {"https://example.com/a.txt": []},
    "Reminder": {},
    "Scenes": {"evening": [{"name": "lamp", "description": "Lamp of the hall"}]},
    "SearchEngine": {
        "raw_documents": [
            {"title": "Cats", "url": "https://example.com/1", "abstract": "All about cats."},
            {"title": "Dogs", "url": "https://example.com/2", "abstract": "All about dogs and cats."},
            {"title": "Fish", "url": "https://example.com/3", "abstract": "Of the sea."},
        ],
        "tokenized_documents": [
            ["all", "about", "cats", "cats", "."],
            ["all", "about", "dogs", "and", "cats", "."],
            ["of", "the", "sea", "."],
        ],
    },
    "SpeechRecognition": {},
    "Stock": {"ABC": {"2023-03-01": 5.5}},
    "Symptom": {"cough": [{"name": "Cold", "description": "A cold.", "aid": "Tea."}]},
    "TimeSwitch": {"lamp": [{"time": "2023-04-01 08:00:00", "on": True}]},
    "Wiki": {},
}


def user(text: str) -> Turn:
    return {"role": "User", "text": text}


def ai(text: str) -> Turn:
    return {"role": "AI", "text": text}


def call(api: str, output: Any, **arguments: Any) -> Turn:
    """As the publisher writes it: every parameter is a text, the result has the typed values."""
    return {
        "role": "API",
        "api_name": api,
        "param_dict": {name: str(value) for name, value in arguments.items()},
        "result": {"api_name": api, "input": arguments or None, "output": output, "exception": None},
    }


def token(name: str = "ada", password: str = "engine", value: str = ADA) -> Turn:
    return call("GetUserToken", {"token": value}, username=name, password=password)


MEETING = {
    "meeting_topic": "Engines and looms",
    "start_time": "2023-04-03 10:00:00",
    "end_time": "2023-04-03 11:00:00",
    "location": "Room 2",
    "attendees": ["Bob", "Mary"],
}
ENGINES = {**{name: value for name, value in DATABASES["Meeting"]["1"].items() if name != "username"}, "token": ADA}
GONE = {"status": "success"}

DIALOGUES: dict[str, Sequence[Turn]] = {
    "AddAgenda-GetUserToken-level-2-1": [
        user("Enter my lecture, please. I am ada, password engine."),
        ai("One moment."),
        token(),
        ai("I have your token."),
        ai("Now the lecture."),
        call("AddAgenda", "success", token=ADA, content="My lecture", time="2023-04-05 09:00:00", location="Hall"),
        ai("It is in."),
    ],
    "AddMeeting-GetUserToken-level-2-1": [  # a call right after a call; a list
        user("A meeting on engines and looms."),
        token(),
        call("AddMeeting", "success", token=ADA, **MEETING),
        ai("Done."),
    ],
    "BookHotel-level-1-1": [  # whole numbers
        user("Two rooms at the Ritz, April 1 to 3, for three of us and a child."),
        call(
            "BookHotel",
            "1",
            hotel_name="Ritz",
            check_in_time="2023-04-01",
            check_out_time="2023-04-03",
            room_count=2,
            adult_count=3,
            child_count=1,
        ),
    ],
    "CancelTimedSwitch-level-1-1": [  # a device that is in no database
        user("Cancel the switch of device 1001 on April 1 at 8."),
        call("CancelTimedSwitch", "success", device_id="1001", time="2023-04-01 08:00:00"),
    ],
    "DeleteAccount-RegisterUser-level-2-1": [  # state, and a token that is made up
        user("Delete my account and make it anew."),
        token(),
        ai("Now I delete it."),
        call("DeleteAccount", GONE, token=ADA),
        ai("And make it."),
        call("RegisterUser", {"token": "n3w"}, username="ada", password="loom", email="ada@example.com"),
        ai("And log in."),
        token("ada", "loom", "n3w"),
    ],
    "DeleteMeeting-level-1-1": [  # a checker that reads what is not there
        user("Call the meeting on engines off."),
        call("DeleteMeeting", "success", **ENGINES),
    ],
    "ForgotPassword-level-2-1": [  # state between two calls of one API
        user("I forgot my password. ada, ada@example.com."),
        call("ForgotPassword", 970420, status="Forgot Password", username="ada", email="ada@example.com"),
        ai("You were sent a code."),
        user("970420. Make it loom."),
        call("ForgotPassword", "success", status="Verification Code", verification_code=970420, new_password="loom"),
        ai("Logging in."),
        token("ada", "loom"),
    ],
    "GetToday-QueryStock-level-2-1": [  # no parameters
        user("What is the date, and the price of ABC on March 1?"),
        call("GetToday", "2023-03-31"),
        ai("The last of March."),
        call("QueryStock", 5.5, stock_code="ABC", date="2023-03-01"),
    ],
    "QueryScene-level-1-1": [  # capitals
        user("What is in Evening?"),
        call("QueryScene", [{"name": "Lamp", "description": "Lamp of the hall"}], name="Evening"),
    ],
    "SendEmail-SearchEngine-level-2-1": [  # commas, a quote, and an order that does not count
        user("Search for dogs, and write to mary@example.com."),
        call("SearchEngine", DATABASES["SearchEngine"]["raw_documents"][1::-1], keyword="Dogs"),
        ai("Now the letter."),
        call(
            "SendEmail", "success", receiver="mary@example.com", subject="Cats", content="Mary, here it is: Ada's cats."
        ),
    ],
    "TimedSwitch-level-1-1": [  # a parameter that was renamed, and a truth value
        user("Switch device 1001 off on April 1 at 9."),
        call("TimedSwitch", "success", device_id="1001", time="2023-04-01 09:00:00", on=False),
    ],
    "Translate-Dictionary-AppointmentRegistration-QueryRegistration-level-2-1": [  # services; an id that is made up
        user("Translate hello, look up loom, and book Dr. Who for Bob Hill on May 2."),
        call("Translate", "Hola", src="hello", tgt_lang="es"),
        ai("Then the dictionary."),
        call("Dictionary", [{"partOfSpeech": "noun"}], keyword="loom"),
        ai("Then the doctor."),
        call("AppointmentRegistration", "44444444", patient_name="Bob Hill", date="2023-05-02", doctor_name="Dr. Who"),
        ai("A last look."),
        call(
            "QueryRegistration",
            {"44444444": {"patient_name": "Bob Hill", "date": "2023-05-02", "doctor_name": "Dr. Who"}},
            patient_name="Bob Hill",
            date="2023-05-02",
        ),
    ],
}


@pytest.fixture(scope="session")
def bank_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("api-bank")
    dialogues, databases = root / "lv1-lv2-samples" / "level-1-given-desc", root / "init_database"
    dialogues.mkdir(parents=True)
    databases.mkdir()
    for name, turns in DIALOGUES.items():
        lines = [json.dumps(turn) for turn in turns]
        (dialogues / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, database in DATABASES.items():
        (databases / f"{name}.json").write_text(json.dumps(database), encoding="utf-8")
    return root
