"""The page: a chat in a browser. What is shown is folded from events and drawn by pure functions; NiceGUI brings it."""
