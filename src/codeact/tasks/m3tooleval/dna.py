"""Crypto-botanists' DNA sequencer: validate, count, transcribe, translate."""

from __future__ import annotations

from collections.abc import Sequence

from codeact.tasks.m3tooleval.question import Domain, Edition, Question
from codeact.tools import ToolSource

_TO_MRNA = str.maketrans("ACGT", "UGCA")
_TO_DNA = str.maketrans("UGAC", "ACTG")
_AMINO_ACIDS = {"AUG": "Methionine", "UUU": "Phenylalanine", "UUC": "Phenylalanine"}


def count_nucleotides(dna_sequence: str) -> dict[str, int]:
    """How often each nucleotide occurs, in order of first appearance."""
    return {letter: dna_sequence.count(letter) for letter in dict.fromkeys(dna_sequence)}


def transcribe_dna_to_mrna(dna_sequence: str) -> str:
    """The mRNA of a DNA sequence: A becomes U, C becomes G, G becomes C, T becomes A."""
    return dna_sequence.translate(_TO_MRNA)


def translate_mrna_to_amino_acid(mrna_sequence: str) -> str:
    """The amino acids of an mRNA sequence, three letters for each, joined by hyphens. One that is not known is X, and
    so is an incomplete group at the end.
    """
    groups = [mrna_sequence[start : start + 3] for start in range(0, len(mrna_sequence), 3)]
    return "-".join(_AMINO_ACIDS.get(group, "X") for group in groups)


def find_max_nucleotide(*args: str | int) -> tuple[str, int]:
    """The most frequent nucleotide and its count, from names and counts in turn: name, count, name, count, ...
    The first of several equal ones.
    """
    pairs = list(zip(args[::2], args[1::2], strict=True))
    return max(pairs, key=lambda pair: int(pair[1]))  # pyright: ignore[reportReturnType] -- names and counts in turn


def is_valid_dna_sequence(dna_sequence: str) -> bool:
    """Whether a sequence has no letters besides A, C, G and T."""
    return set(dna_sequence) <= set("ACGT")


def reverse_transcribe_mrna_to_dna(mrna_sequence: str) -> str:
    """The DNA of an mRNA sequence: U becomes A, C becomes G, A becomes T, G becomes C."""
    return mrna_sequence.translate(_TO_DNA)


def tools(edition: Edition) -> Sequence[ToolSource]:
    return (
        count_nucleotides,
        transcribe_dna_to_mrna,
        translate_mrna_to_amino_acid,
        find_max_nucleotide,
        is_valid_dna_sequence,
        reverse_transcribe_mrna_to_dna,
    )


_TIE = " If several are equally frequent, take the one that appears first."

QUESTIONS = (
    Question(
        name="find_most_common_nucleotide_and_transcribe",
        prompt=f"Take the most frequent nucleotide of the DNA sequence AGCTAGCCGATGCA.{_TIE} Transcribe a DNA sequence "
        "of three of it to mRNA. What is that mRNA?",
        defective="Take the most frequent nucleotide of the DNA sequence AGCTAGCCGATGCA. Transcribe a DNA sequence of "
        "three of it to mRNA. What is that mRNA?",
        value="UUU",
        program="""\
counts = count_nucleotides("AGCTAGCCGATGCA")
result = transcribe_dna_to_mrna(max(counts, key=counts.get) * 3)""",
    ),
    Question(
        name="validate_transcribe_translate",
        prompt="If AGCTTX is a valid DNA sequence, transcribe it to mRNA, translate that, and give the amino acids; "
        "if it is not, answer with: Invalid DNA sequence",
        value="Invalid DNA sequence",
        program="""\
if is_valid_dna_sequence("AGCTTX"):
    result = translate_mrna_to_amino_acid(transcribe_dna_to_mrna("AGCTTX"))
else:
    result = "Invalid DNA sequence\"""",
    ),
    Question(
        name="reverse_transcribe_count_max_nucleotide",
        prompt="Reverse-transcribe the mRNA sequence AUGCUUUUC to DNA. Which nucleotide is the most frequent in that "
        "DNA?",
        value="A",
        program="""\
counts = count_nucleotides(reverse_transcribe_mrna_to_dna("AUGCUUUUC"))
result = max(counts, key=counts.get)""",
    ),
    Question(
        name="transcribe_translate_amino_acid_length",
        prompt="Transcribe the DNA sequence AGCTAGCGTA to mRNA and translate that. How many amino acids are in the "
        "outcome, unknown (X) ones counted?",
        value=4,
        program="""\
acids = translate_mrna_to_amino_acid(transcribe_dna_to_mrna("AGCTAGCGTA"))
result = len(acids.split("-"))""",
    ),
    Question(
        name="reverse_transcribe_palindrome_check",
        prompt="Reverse-transcribe the mRNA sequence AUGCGU to DNA. How often does each nucleotide occur in that DNA? "
        "Answer with a dictionary from nucleotide to count, in order of first appearance.",
        value={"T": 1, "A": 2, "C": 2, "G": 1},
        program='result = count_nucleotides(reverse_transcribe_mrna_to_dna("AUGCGU"))',
    ),
    Question(
        name="validate_find_longest_valid_sequence",
        prompt="Which is the longest valid DNA sequence among AGCTAG, XYZABC and GTCAGT? If several are equally long, "
        "take the one that is named first.",
        defective="Which is the longest valid DNA sequence among AGCTAG, XYZABC and GTCAGT?",
        value="AGCTAG",
        program="""\
valid = [sequence for sequence in ["AGCTAG", "XYZABC", "GTCAGT"] if is_valid_dna_sequence(sequence)]
result = max(valid, key=len)""",
    ),
    Question(
        name="transcribe_translate_find_amino_acid",
        prompt="Transcribe the DNA sequence AGCTAGCGTA to mRNA and translate that. Is Methionine in the outcome? "
        "Answer True or False.",
        value=False,
        program="""\
acids = translate_mrna_to_amino_acid(transcribe_dna_to_mrna("AGCTAGCGTA"))
result = "Methionine" in acids""",
    ),
    Question(
        name="find_most_common_nucleotide_combined_sequence",
        prompt="Join the DNA sequences AGCT, CCGA and TTAG, in this order. Which nucleotide is the most frequent, and "
        f"how often does it occur?{_TIE} Answer with the pair (nucleotide, count).",
        defective="Join the DNA sequences AGCT, CCGA and TTAG, in this order. Which nucleotide is the most frequent?",
        value=("A", 3),
        program="""\
counts = count_nucleotides("AGCT" + "CCGA" + "TTAG")
top = max(counts, key=counts.get)
result = (top, counts[top])""",
    ),
)

DNA = Domain(name="cryptobotanists_plant_dna_sequencer", tools=tools, questions=QUESTIONS)
