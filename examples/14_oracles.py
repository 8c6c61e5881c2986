"""A suite of tasks, and what each format of actions costs on it: its oracles' turns, without any model.

In code a whole chain of calls is one action; in json and text each call is a turn of its own.
"""

from __future__ import annotations

import anyio

from codeact.rollouts import oracle_rows, oracle_table
from codeact.tasks import suite


async def main() -> None:
    tasks = [task for task in suite("m3tooleval").tasks() if task.domain == "travel_itinerary_planning"]
    print(tasks[-1].prompt, "\n")
    longest = [task for task in tasks if task.id.endswith("grand_tour_vacation")]
    print(oracle_table(await oracle_rows(longest)), "\n")  # every format, through the real parser, loop and box
    print(oracle_table(await oracle_rows(tasks, formats=["json", "text"])))


if __name__ == "__main__":
    anyio.run(main)
