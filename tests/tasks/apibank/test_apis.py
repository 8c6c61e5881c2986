"""Each of the 49 APIs: what it gives, what it changes, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from codeact.tasks.apibank.api import Checker
from codeact.tasks.apibank.catalogue import APIS, PUBLISHED
from codeact.tasks.apibank.desk import respond, taken
from codeact.tasks.apibank.dialogues import Called, Response
from codeact.tasks.apibank.search import best
from codeact.tasks.apibank.world import World

from .conftest import ADA, DATABASES, ENGINES, MEETING

FAILS = object()
EVENING = [{"name": "lamp", "description": "Lamp of the hall"}]
PRESSURE = [{"name": "blood_pressure", "value": "120/80"}]
FULL_PAGE = {"url": "https://example.com/w", "summary": "Weaving.", "content": "All of it."}
HALL = {"content": "Lecture", "time": "2023-04-05 09:00:00", "location": "Hall"}
LUNCH = {"content": "Lunch", "time": "2023-04-06 12:00:00"}
STAY = {"hotel_name": "Ritz", "check_in_time": "2023-04-01", "check_out_time": "2023-04-03", "child_count": 0}


def world(**tables: Any) -> World:
    databases = {
        **DATABASES,
        "Wiki": {"loom": FULL_PAGE},
        "SpeechRecognition": {"https://example.com/a.wav": "Hello."},
        "ImageCaptioning": {"https://example.com/a.jpg": "a loom"},
        **tables,
    }
    recorded = {
        "Translate": [recording("Translate", "Hola", src="Hello", tgt_lang="es")],
        "Dictionary": [recording("Dictionary", ["noun"], keyword="loom")],
        "ImageCaption": [recording("ImageCaption", "a cat", url="https://example.com/cat.jpg")],
    }
    return World(databases=databases, recorded=recorded)


def recording(api: str, output: Any, **arguments: Any) -> Called:
    texts = {name: str(value) for name, value in arguments.items()}
    return Called(api=api, texts=texts, response=Response(arguments=arguments, output=output))


def given(place: World, api: str, **arguments: Any) -> Any:
    response = respond(APIS[api], place, taken(APIS[api], (), arguments))
    return FAILS if response.exception is not None else response.output


# In this order, in one world: what is called, and what comes of it.
STORY: list[tuple[str, dict[str, Any], Any]] = [
    ("GetUserToken", {"username": "ada", "password": "engine"}, {"token": ADA}),
    ("GetUserToken", {"username": "ada", "password": "wrong"}, FAILS),
    ("GetUserToken", {"username": "nobody", "password": "engine"}, FAILS),
    ("RegisterUser", {"username": "ada", "password": "x", "email": "x@example.com"}, FAILS),
    ("ModifyPassword", {"token": ADA, "old_password": "wrong", "new_password": "loom"}, FAILS),
    ("ModifyPassword", {"token": ADA, "old_password": "engine", "new_password": "loom"}, {"status": "success"}),
    ("GetUserToken", {"username": "ada", "password": "loom"}, {"token": ADA}),
    ("ForgotPassword", {"status": "Verification Code", "verification_code": 970420, "new_password": "x"}, FAILS),
    ("ForgotPassword", {"status": "Forgot Password", "username": "ada", "email": "bob@example.com"}, FAILS),
    ("ForgotPassword", {"status": "Forgot Password", "username": "ada", "email": "ada@example.com"}, 970420),
    ("ForgotPassword", {"status": "Verification Code", "verification_code": 1, "new_password": "x"}, FAILS),
    ("ForgotPassword", {"status": "Verification Code", "verification_code": "970420", "new_password": "x"}, "success"),
    ("GetUserToken", {"username": "ada", "password": "x"}, {"token": ADA}),
    ("AddAgenda", {"token": ADA, **HALL, "time": "tomorrow"}, FAILS),
    ("AddAgenda", {"token": "nobody's", **HALL}, FAILS),
    ("AddAgenda", {"token": ADA, **HALL}, "success"),
    ("ModifyAgenda", {"token": ADA, **HALL, "location": "Room 1"}, "success"),
    ("QueryAgenda", {"token": ADA, **HALL, "content": "?"}, {"username": "ada", **HALL, "location": "Room 1"}),
    ("QueryAgenda", {"token": "b4d5e6", **HALL}, FAILS),
    ("DeleteAgenda", {"token": ADA, **HALL}, "success"),
    ("DeleteAgenda", {"token": ADA, **HALL}, FAILS),
    ("AddAlarm", {"token": ADA, "time": "2023-04-02 07:00:00"}, "success"),
    ("ModifyAlarm", {"token": ADA, "from_time": "2023-04-02 07:00:00", "to_time": "2023-04-02 08:00:00"}, "success"),
    ("QueryAlarm", {"token": ADA, "time": "2023-04-02 08:00:00"}, {"username": "ada", "time": "2023-04-02 08:00:00"}),
    ("DeleteAlarm", {"token": ADA, "time": "2023-04-02 08:00:00"}, "success"),
    ("QueryAlarm", {"token": ADA, "time": "2023-04-02 08:00:00"}, FAILS),
    ("AddReminder", {"token": ADA, **LUNCH}, "success"),
    ("ModifyReminder", {"token": ADA, "content": "Lunch", "time": "2023-04-06 13:00:00"}, "success"),
    ("QueryReminder", {"token": ADA, **LUNCH}, {"username": "ada", "content": "Lunch", "time": "2023-04-06 13:00:00"}),
    ("DeleteReminder", {"token": ADA, **LUNCH}, "success"),
    ("DeleteReminder", {"token": ADA, **LUNCH}, FAILS),
    ("AddMeeting", {"token": ADA, **MEETING}, "success"),
    ("ModifyMeeting", {"token": ADA, **MEETING, "end_time": "2023-04-03 12:00:00"}, "success"),
    ("QueryMeeting", {"token": ADA, **MEETING}, {"username": "ada", **MEETING, "end_time": "2023-04-03 12:00:00"}),
    ("DeleteMeeting", ENGINES, "success"),
    ("DeleteMeeting", ENGINES, FAILS),
    ("AppointmentRegistration", {"patient_name": "Ada King", "date": "2023-05-01", "doctor_name": "Dr. X"}, FAILS),
    ("AppointmentRegistration", {"patient_name": "", "date": "2023-05-01", "doctor_name": "Dr. X"}, FAILS),
    ("ModifyRegistration", {"appointment_id": "12345678"}, FAILS),
    ("ModifyRegistration", {"appointment_id": "12345678", "new_appointment_doctor": "Dr. Who"}, FAILS),
    ("ModifyRegistration", {"appointment_id": "12345678", "new_appointment_date": "2023-5-2"}, "success"),
    (
        "QueryRegistration",
        {"patient_name": " Ada King", "date": "2023-05-02"},
        {"12345678": {"patient_name": "Ada King", "date": "2023-05-02", "doctor_name": "Dr. Who"}},
    ),
    ("CancelRegistration", {"appointment_id": 12345678}, "success"),
    ("CancelRegistration", {"appointment_id": "12345678"}, FAILS),
    ("QueryRegistration", {"patient_name": "Ada King", "date": "2023-05-02"}, FAILS),
    ("RecordHealthData", {"user_id": "u1", "time": "2023-04-01 08:00:00", "health_data": PRESSURE * 2}, FAILS),
    ("RecordHealthData", {"user_id": "u1", "time": "2023-04-01 08:00:00", "health_data": str(PRESSURE)}, "success"),
    (
        "QueryHealthData",
        {"user_id": "U1", "start_time": "2023-04-01 00:00:00", "end_time": "2023-04-02 00:00:00"},
        [{"time": "2023-04-01 08:00:00", "blood_pressure": "120/80"}],
    ),
    (
        "QueryHealthData",
        {"user_id": "U1", "start_time": "2023-04-02 00:00:00", "end_time": "2023-04-03 00:00:00"},
        FAILS,
    ),
    ("SymptomSearch", {"symptom": "Cough "}, [{"name": "Cold", "description": "A cold."}]),
    ("EmergencyKnowledge", {"symptom": "cough"}, [{"name": "Cold", "aid": "Tea."}]),
    ("EmergencyKnowledge", {"symptom": "joy"}, FAILS),
    ("QueryScene", {"name": "Evening"}, EVENING),
    ("DeleteScene", {"name": " evening"}, "success"),
    ("QueryScene", {"name": "Evening"}, FAILS),
    ("TimedSwitch", {"device_id": 7, "time": "2023-04-01 08:00:00", "on": True}, "success"),
    ("CancelTimedSwitch", {"device_id": "7", "time": "2023-04-01 09:00:00"}, FAILS),
    ("CancelTimedSwitch", {"device_id": "7", "time": "2023-04-01 08:00:00"}, "success"),
    ("CancelTimedSwitch", {"device_id": "7", "time": "2023-04-01 08:00:00"}, FAILS),
    ("PlayMusic", {"music_name": " Für Elise"}, "music://für elise"),
    ("PlayMusic", {"music_name": " "}, FAILS),
    ("OpenBankAccount", {"account": 123, "password": "x", "name": "Ada"}, "success"),
    ("OpenBankAccount", {"account": "123", "password": "y", "name": "Bob"}, "failed"),
    ("QueryBalance", {"token": ADA}, 12.5),
    ("QueryBalance", {"token": "b4d5e6"}, FAILS),
    ("QueryStock", {"stock_code": "abc", "date": "2023-03-01"}, 5.5),
    ("QueryStock", {"stock_code": "ABC", "date": "2023-03-02"}, FAILS),
    ("BookHotel", {**STAY, "room_count": 1, "adult_count": 3}, FAILS),
    ("BookHotel", {**STAY, "room_count": "2", "adult_count": 3}, "1"),
    ("BookHotel", {**STAY, "room_count": 1, "adult_count": 1}, FAILS),
    ("BookHotel", {**STAY, "check_in_time": "soon", "room_count": 1, "adult_count": 1}, FAILS),
    ("SearchEngine", {"keyword": "dogs"}, DATABASES["SearchEngine"]["raw_documents"][1::-1]),
    ("Wiki", {"keyword": "Loom"}, {"url": "https://example.com/w", "summary": "Weaving."}),
    ("Wiki", {"keyword": "Tea"}, FAILS),
    ("Dictionary", {"keyword": "Loom"}, ["noun"]),
    ("Dictionary", {"keyword": "tea"}, FAILS),
    ("Translate", {"src": "hello", "tgt_lang": "Spanish"}, "Hola"),
    ("Translate", {"src": "hello"}, FAILS),
    ("QueryHistoryToday", {"date": "2023-12-10"}, ["Title: Born, Date: 1815-12-10, Description: Ada Lovelace."]),
    ("QueryHistoryToday", {"date": "12-11"}, FAILS),
    (
        "DocumentQA",
        {"url": "https://example.com/a.txt", "question": "Who?"},
        "The question is too difficult to answer.",
    ),
    ("DocumentQA", {"url": "https://example.com/b.txt", "question": "Who?"}, FAILS),
    ("ImageCaption", {"url": "https://example.com/a.jpg"}, "a loom"),
    ("SpeechRecognition", {"url": "https://example.com/a.wav"}, "Hello."),
    ("SpeechRecognition", {"url": "https://example.com/b.wav"}, FAILS),
    ("Calculator", {"formula": "(1 + 2) * 3 / 2"}, 4.5),
    ("Calculator", {"formula": "1 / 0"}, FAILS),
    ("Calculator", {"formula": "open('x')"}, FAILS),
    ("GetToday", {}, "2023-03-31"),
    ("SendEmail", {"receiver": "a@example.com", "subject": "x", "content": "y"}, "success"),
    ("SendEmail", {"receiver": "a", "subject": "x", "content": "y"}, FAILS),
    ("SendEmail", {"receiver": "a@example.com", "subject": " ", "content": "y"}, FAILS),
    ("DeleteAccount", {"token": ADA}, {"status": "success"}),
    ("GetUserToken", {"username": "ada", "password": "x"}, FAILS),
]


def test_what_each_api_gives_and_changes() -> None:
    place = world()
    told = [(api, arguments, given(place, api, **arguments)) for api, arguments, _ in STORY]
    assert told == STORY


def test_the_story_is_about_all_49() -> None:
    assert len(APIS) == 49
    assert APIS.keys() == PUBLISHED.keys()
    assert APIS.keys() - {api for api, _, _ in STORY} == set()


def test_the_databases_stay_as_they_were() -> None:
    place = world()
    for api, arguments, _ in STORY:
        given(place, api, **arguments)
    assert given(world(), "GetUserToken", username="ada", password="engine") == {"token": ADA}
    assert DATABASES["Scenes"] == {"evening": EVENING}


def test_an_id_is_made_up_once_and_for_all() -> None:
    made = [
        given(world(), "AppointmentRegistration", patient_name="B", date="2023-05-01", doctor_name="C") for _ in "ab"
    ]
    assert made[0] == made[1]
    assert len(made[0]) == 8
    place = world()
    new = given(place, "RegisterUser", username="eve", password="x", email="eve@example.com")
    assert given(place, "GetUserToken", username="eve", password="x") == new


def test_pictures_are_described_from_what_was_recorded_where_the_database_is_missing() -> None:
    bare = world(ImageCaptioning={})
    assert given(bare, "ImageCaption", url="https://example.com/cat.jpg") == "a cat"


def test_every_api_is_described_to_a_model() -> None:
    for api in APIS.values():
        spec = api.tool.spec
        assert spec.doc
        assert "world" not in spec.signature
        described = [schema.get("description") for schema in spec.schema["properties"].values()]
        assert all(described), api.name


def difference(checker: Checker, mine: dict[str, Any], right: dict[str, Any], **outputs: Any) -> str:
    given = Response(arguments=mine, output=outputs.get("given", "success"))
    wanted = Response(arguments=right, output=outputs.get("wanted", "success"))
    found = checker.difference(given, wanted)
    return found.text if found else ""


@pytest.mark.parametrize(
    ("api", "mine", "right", "same"),
    [
        ("AddAgenda", {"token": "x", **HALL}, {"token": "y", **HALL}, True),  # whose agenda does not count
        ("AddAgenda", {**HALL, "content": "A lecture of hers"}, {**HALL, "content": "A lecture of mine"}, True),
        ("AddAgenda", {**HALL, "content": "lecture"}, HALL, False),  # case counts in the agenda …
        ("AddReminder", {**LUNCH, "content": "lunch"}, LUNCH, True),  # … and not in a reminder
        ("DeleteReminder", {**LUNCH, "content": "Tea"}, LUNCH, True),
        ("DeleteReminder", {**LUNCH, "time": "2023-04-06 13:00:00"}, LUNCH, False),
        ("AddMeeting", {**ENGINES, "meeting_topic": "Engines"}, {**ENGINES, "meeting_topic": "Looms"}, False),
        ("AddMeeting", {**ENGINES, "attendees": ["Mary"]}, ENGINES, False),
        (
            "QueryRegistration",
            {"patient_name": "A ", "date": "2023-5-1"},
            {"patient_name": "A", "date": "2023-05-01"},
            True,
        ),
        (
            "RecordHealthData",
            {"health_data": [*PRESSURE, {"name": "a", "value": "1"}]},
            {"health_data": [{"name": "a", "value": 1}, *PRESSURE]},
            True,
        ),
        ("RecordHealthData", {"health_data": str(PRESSURE)}, {"health_data": PRESSURE}, False),
        ("Calculator", {"formula": "(1 + 2)"}, {"formula": "(1+2)"}, True),
        ("PlayMusic", {"music_name": "x"}, {"music_name": "X"}, True),
        (
            "ModifyRegistration",
            {"appointment_id": "1"},
            {"appointment_id": "1", "new_appointment_date": "2023-05-01"},
            False,
        ),
    ],
)
def test_what_counts_as_the_same_call(api: str, mine: dict[str, Any], right: dict[str, Any], same: bool) -> None:
    assert (difference(APIS[api].checker, mine, right) == "") is same


def test_made_up_ids_do_not_count_and_the_order_of_pages_does_not() -> None:
    assert difference(APIS["RegisterUser"].checker, {}, {}, given={"token": "a"}, wanted={"token": "b"}) == ""
    assert difference(APIS["SearchEngine"].checker, {}, {}, given=["a", "b"], wanted=["b", "a"]) == ""
    assert difference(APIS["GetToday"].checker, {}, {}, given="2024-01-01", wanted="2023-03-31") == ""
    assert difference(APIS["GetUserToken"].checker, {}, {}, given="a", wanted="b") == "it gave 'a', not 'b'"


def test_documents_are_ranked_by_how_rare_their_words_are() -> None:
    documents = [["tea", "and", "milk"], ["coffee", "and", "milk"], ["rum"], ["water"], ["tea", "tea", "leaves"]]
    assert best("Tea", documents, 2) == [4, 0]
    assert best("coffee and tea", documents, 1) == [1]
    assert best("nothing of it", documents, 2) == [0, 1]
    assert best("x", [], 2) == []
