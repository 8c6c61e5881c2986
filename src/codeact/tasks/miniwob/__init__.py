"""MiniWoB++: small tasks on web pages, in a real browser."""
