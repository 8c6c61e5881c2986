"""MINT's seven families without a game, from the publisher's files."""
