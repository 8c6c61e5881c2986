"""`codeact chat`: a conversation in the terminal."""

from __future__ import annotations

import sys
from datetime import datetime

import anyio
import platformdirs

from codeact.cli import chat_commands, consoles, exits
from codeact.cli.approval import asking_on
from codeact.cli.artifacts import RunFolder, plan_folder
from codeact.cli.assemble import Parts, choose_model, open_agent, parts_of
from codeact.cli.chat_input import Input, PipedInput, TerminalInput
from codeact.cli.interrupts import interruptible
from codeact.cli.options import AgentOptions, spread
from codeact.cli.screen import Screen
from codeact.cli.seat import model_seat
from codeact.cli.talk import Talk
from codeact.cli.views import print_record
from codeact.errors import CodeActError
from codeact.trajectory import TrajectoryWriter


@spread(AgentOptions)
def chat(options: AgentOptions) -> int:
    """Talk with an agent that keeps its variables and files from message to message. /help lists the commands.

    From a pipe each line is a message.
    """
    parts = parts_of(options, consoles.notices())
    screen = Screen.on(consoles.output())
    folder = plan_folder("chat", options.out, now=datetime.now())
    return anyio.run(_chat, parts, screen, folder)


async def _chat(parts: Parts, screen: Screen, folder: RunFolder) -> int:
    options = parts.options
    asking = asking_on(screen, every_action=options.approve)
    async with interruptible() as interrupts, model_seat() as seat:
        model = await seat.take(await choose_model(options, consoles.notices()))
        async with (
            open_agent(parts, model, approve=asking, ask=asking and asking.answer) as agent,
            agent.open() as conversation,
        ):
            folder.create(options.file)
            with TrajectoryWriter(folder.trajectory) as record:
                talk = Talk(
                    options=options,
                    conversation=conversation,
                    seat=seat,
                    screen=screen,
                    folder=folder,
                    record=record,
                    interrupts=interrupts,
                    files=list(options.file),
                )
                isolation = conversation.setup.session.info.isolation if conversation.setup.session else "no code"
                screen.note(f"{model.name}, isolation: {isolation}; /help lists the commands")
                try:
                    await _converse(talk, _input())
                finally:
                    print_record(screen, folder)
                return talk.code
    return exits.INTERRUPTED


async def _converse(talk: Talk, source: Input) -> None:
    while not talk.over:
        message = await source.read()
        if message is None:
            return
        if message.startswith("/"):
            await _command(talk, message)
        elif message:
            await talk.say(message)


async def _command(talk: Talk, text: str) -> None:
    try:
        with talk.interrupts.stop_here():
            await chat_commands.execute(talk, text)
    except CodeActError as error:
        talk.tell(error)


def _input() -> Input:
    if sys.stdin.isatty() and sys.stdout.isatty():
        return TerminalInput(platformdirs.user_state_path("codeact") / "history", list(chat_commands.COMMANDS))
    return PipedInput()
