"""Health: appointments with doctors, measurements, symptoms."""

from __future__ import annotations

from typing import Any

from codeact.tasks.apibank.api import Api, Checker, Readings, Words
from codeact.tasks.apibank.calendar import checked
from codeact.tasks.apibank.compare import alike, day, lower, moment, readings, stripped, upper
from codeact.tasks.apibank.world import DIGITS, CallError, World

DOMAIN = "health"


def appointment_registration(world: World, patient_name: Words, date: Words, doctor_name: Words) -> str:
    """Make an appointment with a doctor, and get its ID.

    Args:
        patient_name: Name of the patient.
        date: On which day, as YYYY-MM-DD.
        doctor_name: Name of the doctor.
    """
    patient, doctor, when = patient_name.strip(), doctor_name.strip(), day(date)
    if not patient or not doctor:
        raise CallError("the patient's name or the doctor's is empty")
    appointments = world.table("Appointments")
    if any(taken["patient_name"] == patient and day(taken["date"]) == when for taken in appointments.values()):
        raise CallError(f"{patient} has an appointment on this day already")
    made = world.replayed or world.new_id(DIGITS, 8, f"{patient}/{when}")
    appointments[made] = {"patient_name": patient, "date": when, "doctor_name": doctor}
    return made


def query_registration(world: World, patient_name: Words, date: Words) -> dict[str, Any]:
    """Look up the appointments of a patient on a day: from their IDs to the patient, the day and the doctor.

    Args:
        patient_name: Name of the patient.
        date: On which day, as YYYY-MM-DD.
    """
    found = {
        key: appointment
        for key, appointment in world.table("Appointments").items()
        if appointment["patient_name"] == patient_name.strip() and day(appointment["date"]) == day(date)
    }
    if not found:
        raise CallError("no appointment was found")
    return found


def modify_registration(
    world: World,
    appointment_id: Words,
    new_appointment_date: Words | None = None,
    new_appointment_doctor: Words | None = None,
) -> str:
    """Move an appointment to another day, to another doctor, or both.

    Args:
        appointment_id: ID of the appointment.
        new_appointment_date: On which day it is from now on, as YYYY-MM-DD.
        new_appointment_doctor: With whom it is from now on.
    """
    appointment = world.table("Appointments").get(appointment_id.strip())
    if appointment is None:
        raise CallError(f"there is no appointment {appointment_id!r}")
    date = None if new_appointment_date is None else day(new_appointment_date)
    changes = {"date": date, "doctor_name": new_appointment_doctor and new_appointment_doctor.strip()}
    changes = {name: value for name, value in changes.items() if value is not None}
    if not changes or any(appointment[name] == value for name, value in changes.items()):
        raise CallError("nothing would change")
    appointment.update(changes)
    return "success"


def cancel_registration(world: World, appointment_id: Words) -> str:
    """Call an appointment off.

    Args:
        appointment_id: ID of the appointment.
    """
    if world.table("Appointments").pop(appointment_id.strip(), None) is None:
        raise CallError(f"there is no appointment {appointment_id!r}")
    return "success"


def record_health_data(world: World, user_id: Words, time: Words, health_data: Readings) -> str:
    """Enter measurements into a user's health records.

    Args:
        user_id: ID of the user.
        time: When they were taken, as YYYY-MM-DD HH:MM:SS.
        health_data: The measurements, as in [{'name': 'blood_pressure', 'value': '120/80'}].
    """
    user, taken = user_id.strip().upper(), {item["name"]: item["value"] for item in health_data if len(item) == 2}
    checked(time.strip())
    if not user or not health_data or len(taken) != len(health_data):
        raise CallError("there must be a user and measurements, each with a name of its own and a value")
    records = world.table("HealthData").setdefault(user, [])
    record = next((known for known in records if known["time"] == time.strip()), None)
    if record is None:
        records.append(record := {"time": time.strip()})
    record.update(taken)
    return "success"


def query_health_data(world: World, user_id: Words, start_time: Words, end_time: Words) -> list[dict[str, Any]]:
    """Look up what was measured of a user in a span of time.

    Args:
        user_id: ID of the user, in any case of letters.
        start_time: When the span begins, as YYYY-MM-DD HH:MM:SS.
        end_time: When it ends, as YYYY-MM-DD HH:MM:SS.
    """
    start, end = moment(start_time), moment(end_time)
    checked(start)
    checked(end)
    records = world.table("HealthData").get(user_id.strip().upper())
    if records is None:
        raise CallError(f"there is no user {user_id!r}")
    found = [record for record in records if start <= record["time"] <= end]
    if not found:
        raise CallError("nothing was measured in this span of time")
    return found


def symptom_search(world: World, symptom: Words) -> list[dict[str, str]]:
    """Look up which diseases a symptom may come from, with a description of each.

    Args:
        symptom: The symptom.
    """
    return [{"name": item["name"], "description": item["description"]} for item in _diseases(world, symptom)]


def emergency_knowledge(world: World, symptom: Words) -> list[dict[str, str]]:
    """Look up which diseases a symptom may come from, with the first aid for each.

    Args:
        symptom: The symptom.
    """
    return [{"name": item["name"], "aid": item["aid"]} for item in _diseases(world, symptom)]


def _diseases(world: World, symptom: str) -> list[dict[str, str]]:
    found = world.table("Symptom").get(lower(symptom))
    if found is None:
        raise CallError(f"the symptom {symptom!r} is not known")
    return found


_PATIENT = {"patient_name": alike(stripped), "date": alike(day)}
_SYMPTOM = Checker(arguments={"symptom": alike(lower)})

APIS = (
    Api(
        name="AppointmentRegistration",
        domain=DOMAIN,
        run=appointment_registration,
        checker=Checker(arguments={**_PATIENT, "doctor_name": alike(stripped)}, output=None),
    ),
    Api(name="QueryRegistration", domain=DOMAIN, run=query_registration, checker=Checker(arguments=_PATIENT)),
    Api(
        name="ModifyRegistration",
        domain=DOMAIN,
        run=modify_registration,
        checker=Checker(
            arguments={
                "appointment_id": alike(stripped),
                "new_appointment_date": alike(day),
                "new_appointment_doctor": alike(stripped),
            }
        ),
    ),
    Api(
        name="CancelRegistration",
        domain=DOMAIN,
        run=cancel_registration,
        checker=Checker(arguments={"appointment_id": alike(stripped)}),
    ),
    Api(
        name="RecordHealthData",
        domain=DOMAIN,
        run=record_health_data,
        checker=Checker(arguments={"user_id": alike(upper), "time": alike(moment), "health_data": alike(readings)}),
    ),
    Api(
        name="QueryHealthData",
        domain=DOMAIN,
        run=query_health_data,
        checker=Checker(arguments={"user_id": alike(upper), "start_time": alike(moment), "end_time": alike(moment)}),
    ),
    Api(name="SymptomSearch", domain=DOMAIN, run=symptom_search, checker=_SYMPTOM),
    Api(name="EmergencyKnowledge", domain=DOMAIN, run=emergency_knowledge, checker=_SYMPTOM),
)
