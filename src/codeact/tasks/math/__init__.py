"""Mathematics: problems to be computed and checked with Python, generated or the publisher's."""
