"""API-Bank: the next API call of a dialogue, as the paper tests atomic tool use. See the README beside this file."""
