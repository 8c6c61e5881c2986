"""What a generated house is made of: rooms, their receptacles, what lies where, and what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

OPENABLE = frozenset({"cabinet", "drawer", "fridge", "microwave", "safe", "laundryhamper"})
LAMPS = frozenset({"desklamp", "floorlamp"})
APPLIANCES = {"clean": "sinkbasin", "heat": "microwave", "cool": "fridge"}

_FOOD = ("countertop", "diningtable", "fridge", "microwave", "sinkbasin", "garbagecan")
_DISHES = ("countertop", "diningtable", "cabinet", "shelf", "sinkbasin", "fridge", "microwave", "coffeemachine")
_CUTLERY = ("countertop", "diningtable", "drawer", "sinkbasin")
_PANS = ("countertop", "diningtable", "cabinet", "stoveburner", "sinkbasin")
_SHAKERS = ("countertop", "diningtable", "cabinet", "drawer", "shelf")
_SMALL = ("desk", "drawer", "shelf", "sidetable", "dresser", "coffeetable", "safe", "bed", "sofa", "armchair")
_PAPER = ("desk", "drawer", "shelf", "sidetable", "dresser", "coffeetable", "bed", "sofa", "garbagecan")
_LARGE = ("desk", "shelf", "sidetable", "dresser", "coffeetable", "bed", "sofa", "tvstand")
_BATH = ("countertop", "cabinet", "drawer", "bathtubbasin", "sinkbasin", "shelf", "toilet", "garbagecan")
_CLOTHS = ("countertop", "cabinet", "drawer", "bathtubbasin", "laundryhamper", "shelf")

_EDIBLE = ("apple", "egg", "tomato", "potato", "lettuce", "bread")
_TABLEWARE = ("cup", "mug", "plate", "bowl")
_TOOLS = ("fork", "knife", "spoon", "butterknife", "spatula", "ladle")
_POTS = ("pan", "pot", "kettle")
_WASHABLE = (*_TABLEWARE, *_TOOLS, *_POTS)
_POCKET = ("pen", "pencil", "cd", "cellphone", "creditcard", "keychain", "watch", "alarmclock")
_READABLE = ("book", "newspaper")

SPOTS: Mapping[str, tuple[str, ...]] = {  # where a thing may lie, and so where it may be put
    **dict.fromkeys(_EDIBLE, _FOOD),
    **dict.fromkeys(_TABLEWARE, _DISHES),
    **dict.fromkeys(_TOOLS, _CUTLERY),
    **dict.fromkeys(_POTS, _PANS),
    **dict.fromkeys(("saltshaker", "peppershaker"), _SHAKERS),
    **dict.fromkeys(_POCKET, _SMALL),
    **dict.fromkeys((*_READABLE, "tissuebox"), _PAPER),
    **dict.fromkeys(("laptop", "vase", "statue", "box", "remotecontrol", "pillow"), _LARGE),
    **dict.fromkeys(("soapbar", "soapbottle", "toiletpaper", "candle", "spraybottle"), _BATH),
    **dict.fromkeys(("cloth", "handtowel", "towel"), _CLOTHS),
}
FIT: Mapping[str, frozenset[str]] = {  # what can be treated so
    "clean": frozenset({"soapbar", "cloth", *_EDIBLE[:5], *_WASHABLE}),
    "heat": frozenset({*_EDIBLE[:4], "bread", "cup", "mug", "plate"}),
    "cool": frozenset({*_EDIBLE, "cup", "mug", "plate", "bowl", "pan", "pot"}),
    "examine": frozenset({*_READABLE, *_POCKET, "laptop", "vase", "statue"}),
}


@dataclass(frozen=True, slots=True)
class Room:
    """What may stand in a room, at most so many of each; the first of each kind is always there."""

    places: Mapping[str, int]
    lamp: str = ""

    @property
    def things(self) -> list[str]:
        """Those that have two kinds of place here, so that they can be moved."""
        return sorted(thing for thing, spots in SPOTS.items() if len(self.places.keys() & set(spots)) > 1)


ROOMS: Mapping[str, Room] = {
    "kitchen": Room(
        {
            "cabinet": 14,
            "coffeemachine": 1,
            "countertop": 3,
            "diningtable": 2,
            "drawer": 10,
            "fridge": 1,
            "garbagecan": 1,
            "microwave": 1,
            "shelf": 3,
            "sinkbasin": 1,
            "stoveburner": 4,
        }
    ),
    "bedroom": Room(
        {
            "bed": 1,
            "desk": 2,
            "drawer": 12,
            "dresser": 2,
            "garbagecan": 1,
            "laundryhamper": 1,
            "safe": 1,
            "shelf": 12,
            "sidetable": 3,
        },
        lamp="desklamp",
    ),
    "livingroom": Room(
        {
            "armchair": 3,
            "coffeetable": 2,
            "drawer": 10,
            "dresser": 2,
            "garbagecan": 1,
            "safe": 1,
            "shelf": 10,
            "sidetable": 3,
            "sofa": 2,
            "tvstand": 1,
        },
        lamp="floorlamp",
    ),
    "bathroom": Room(
        {
            "bathtubbasin": 1,
            "cabinet": 10,
            "countertop": 2,
            "drawer": 8,
            "garbagecan": 1,
            "laundryhamper": 1,
            "shelf": 8,
            "sinkbasin": 2,
            "toilet": 1,
        }
    ),
}
