"""Home: scenes, timed switches, music."""

from __future__ import annotations

from codeact.tasks.apibank.api import Api, Checker, Words
from codeact.tasks.apibank.calendar import checked
from codeact.tasks.apibank.compare import alike, any_case, lower, moment
from codeact.tasks.apibank.world import CallError, World
from codeact.types import JSON

DOMAIN = "home"


def query_scene(world: World, name: Words) -> list[dict[str, str]]:
    """Look up the devices that belong to a scene of the smart home.

    Args:
        name: Name of the scene.
    """
    devices = world.table("Scenes").get(lower(name))
    if devices is None:
        raise CallError(f"there is no scene {name!r}")
    return devices


def delete_scene(world: World, name: Words) -> str:
    """Delete a scene of the smart home.

    Args:
        name: Name of the scene.
    """
    if world.table("Scenes").pop(lower(name), None) is None:
        raise CallError(f"there is no scene {name!r}")
    return "success"


def timed_switch(world: World, device_id: Words, time: Words, on: bool) -> str:
    """Have a device of the smart home switched at a time.

    Args:
        device_id: ID of the device.
        time: When, as YYYY-MM-DD HH:MM:SS.
        on: True to switch it on, False to switch it off.
    """
    return _switch(world, device_id, time, on)


def cancel_timed_switch(world: World, device_id: Words, time: Words) -> str:
    """Take back that a device of the smart home is switched at a time.

    Args:
        device_id: ID of the device.
        time: When it would be switched, as YYYY-MM-DD HH:MM:SS.
    """
    return _cancel(world, device_id, time)


def play_music(world: World, music_name: Words) -> str:
    """Play a piece of music.

    Args:
        music_name: Name of the piece.
    """
    if not lower(music_name):
        raise CallError("the name of the music is empty")
    return f"music://{lower(music_name)}"


# --- as published ---------------------------------------------------------------------------------


def timed_switch_by_name(world: World, name: Words, time: Words, on: bool) -> str:
    """Have a device of the smart home switched at a time.

    Args:
        name: Name of the device.
        time: When, as YYYY-MM-DD HH:MM:SS.
        on: True to switch it on, False to switch it off.
    """
    return _switch(world, name, time, on)


def cancel_timed_switch_by_name(world: World, name: Words, time: Words) -> str:
    """Take back that a device of the smart home is switched at a time.

    Args:
        name: Name of the device.
        time: When it would be switched, as YYYY-MM-DD HH:MM:SS.
    """
    return _cancel(world, name, time)


def _switch(world: World, device: str, time: str, on: bool) -> str:
    checked(moment(time))
    switches: list[JSON] = world.table("TimeSwitch").setdefault(lower(device), [])
    others = [switch for switch in switches if switch["time"] != moment(time)]
    switches[:] = [*others, {"time": moment(time), "on": on}]
    return "success"


def _cancel(world: World, device: str, time: str) -> str:
    checked(moment(time))
    switches: list[JSON] = world.table("TimeSwitch").get(lower(device), [])
    known = next((switch for switch in switches if switch["time"] == moment(time)), None)
    if known is None:
        raise CallError(f"the device {device!r} is not switched at this time")
    switches.remove(known)
    return "success"


_SWITCH = Checker(arguments={"device_id": alike(lower), "time": alike(moment)})
_SWITCH_BY_NAME = Checker(arguments={"name": alike(lower), "time": alike(moment)})
_SCENE = {"name": alike(lower)}

APIS = (
    Api(
        name="QueryScene",
        domain=DOMAIN,
        run=query_scene,
        checker=Checker(arguments=_SCENE, output=alike(any_case)),
    ),
    Api(name="DeleteScene", domain=DOMAIN, run=delete_scene, checker=Checker(arguments=_SCENE)),
    Api(name="TimedSwitch", domain=DOMAIN, run=timed_switch, checker=_SWITCH),
    Api(name="CancelTimedSwitch", domain=DOMAIN, run=cancel_timed_switch, checker=_SWITCH),
    Api(name="PlayMusic", domain=DOMAIN, run=play_music, checker=Checker(others=False)),
)

PUBLISHED = (
    Api(name="QueryScene", domain=DOMAIN, run=query_scene, checker=Checker(arguments=_SCENE)),
    Api(name="TimedSwitch", domain=DOMAIN, run=timed_switch_by_name, checker=_SWITCH_BY_NAME),
    Api(name="CancelTimedSwitch", domain=DOMAIN, run=cancel_timed_switch_by_name, checker=_SWITCH_BY_NAME),
)
