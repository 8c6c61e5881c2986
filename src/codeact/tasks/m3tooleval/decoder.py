"""Message decoder: undo chains of hexadecimal, reversal and Caesar shift."""

from __future__ import annotations

from collections.abc import Sequence

from codeact.tasks.m3tooleval.question import Domain, Edition, Question
from codeact.tools import ToolSource


def convert_hex_to_ascii(hex_string: str) -> str:
    """Read pairs of hexadecimal digits as the bytes of a text."""
    return bytes.fromhex(hex_string).decode()


def reverse_string(string: str) -> str:
    """The text backwards."""
    return string[::-1]


def caesar_decode(message: str, shift: int) -> str:
    """Move every letter back by `shift` places in the alphabet; case stays, other characters stay."""
    return "".join(_moved_back(character, shift) for character in message)


def string_length(string: str) -> int:
    """How many characters a text has."""
    return len(string)


def minimum_value(*args: int | float) -> int | float:
    """The smallest of the numbers."""
    return min(args)


def maximum_value(*args: int | float) -> int | float:
    """The largest of the numbers."""
    return max(args)


def tools(edition: Edition) -> Sequence[ToolSource]:
    return convert_hex_to_ascii, reverse_string, caesar_decode, string_length, minimum_value, maximum_value


def _moved_back(character: str, shift: int) -> str:
    if not (character.isascii() and character.isalpha()):
        return character
    first = ord("A" if character.isupper() else "a")
    return chr((ord(character) - first - shift) % 26 + first)


_CHAIN = (
    "It was made by a Caesar shift, then turned backwards, then written in hexadecimal; undo that in reverse order."
)
_EACH = (
    "Each was made by a Caesar shift, then turned backwards, then written in hexadecimal; undo that in reverse order."
)

QUESTIONS = (
    Question(
        name="full_alien_message_decoding",
        prompt=f"Decode the alien message 7a686b7a686d666d686b. {_CHAIN} The shift is 5. What does it say?",
        value="fchahcufcu",
        program='result = caesar_decode(reverse_string(convert_hex_to_ascii("7a686b7a686d666d686b")), 5)',
    ),
    Question(
        name="shortest_caesar_decoded_message",
        prompt=f"Decode the messages 636261, 686766, 6365646362 and 6867666865. {_EACH} The shift is 4. "
        "How many characters has the shortest decoded message?",
        value=3,
        program="""\
decoded = []
for message in ["636261", "686766", "6365646362", "6867666865"]:
    decoded.append(caesar_decode(reverse_string(convert_hex_to_ascii(message)), 4))
result = string_length(min(decoded, key=len))""",
    ),
    Question(
        name="longest_decoded_string",
        prompt="The messages 4a656d, 4b6867 and 4c696f are in hexadecimal; the texts behind that were made by Caesar "
        "shifts of 2, 3 and 5, in this order. Decode all three. How many characters has the longest decoded message?",
        defective="The messages 4a656d, 4b6867 and 4c696f are in hexadecimal; the texts behind that were made by "
        "Caesar shifts of 2, 3 and 5, in this order. Decode all three and find the longest decoded message.",
        value=3,
        program="""\
decoded = []
for message, shift in [("4a656d", 2), ("4b6867", 3), ("4c696f", 5)]:
    decoded.append(caesar_decode(convert_hex_to_ascii(message), shift))
result = string_length(max(decoded, key=len))""",
    ),
    Question(
        name="specific_decoded_character",
        prompt=f"Decode the message 576562546563686e6f6c6f6779. {_CHAIN} The shift is 7. What does it say?",
        value="rzhehgavxMuxP",
        program='result = caesar_decode(reverse_string(convert_hex_to_ascii("576562546563686e6f6c6f6779")), 7)',
    ),
    Question(
        name="hex_caesar_combined_decoding",
        prompt="Decode the message 4d4f5252: it is hexadecimal for a text made by a Caesar shift of 2. What does it "
        "say?",
        value="KMPP",
        program='result = caesar_decode(convert_hex_to_ascii("4d4f5252"), 2)',
    ),
    Question(
        name="multi_step_decoding_challenge",
        prompt=f"Decode the message 726f77746e6153794d. {_CHAIN} The shift is 3. What does it say?",
        value="JvPxkqtlo",
        program='result = caesar_decode(reverse_string(convert_hex_to_ascii("726f77746e6153794d")), 3)',
    ),
    Question(
        name="length_based_decoding_puzzle",
        prompt="The messages 646566, 6a6b6c6d and 68696a6b6c are hexadecimal for texts made by a Caesar shift of 6. "
        "What does the one that is 5 characters long say?",
        value="bcdef",
        program="""\
texts = [convert_hex_to_ascii(message) for message in ["646566", "6a6b6c6d", "68696a6b6c"]]
result = caesar_decode(next(text for text in texts if len(text) == 5), 6)""",
    ),
    Question(
        name="maximum_value_decoding",
        prompt="Decode the messages 313233, 343536 and 373839: read the hexadecimal, undo a Caesar shift of 4, and turn "
        "the outcome backwards. Take the three as whole numbers. What is the largest?",
        value=987,
        program="""\
numbers = []
for message in ["313233", "343536", "373839"]:
    numbers.append(int(reverse_string(caesar_decode(convert_hex_to_ascii(message), 4))))
result = max(numbers)""",
    ),
)

DECODER = Domain(name="message_decoder", tools=tools, questions=QUESTIONS)
