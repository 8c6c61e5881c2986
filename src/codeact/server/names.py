"""Names of files as a box gives them."""


def writable(text: str) -> str:
    """Text of a box that JSON, HTML and a database can carry: a file's name may be any bytes, and those that are no
    UTF-8 are escaped.
    """
    return text.encode(errors="backslashreplace").decode()
