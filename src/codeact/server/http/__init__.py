"""The HTTP API of the service: sessions over REST and server-sent events, and the doors in front of all of it.

`app(house, …)` of `codeact.server.http.app` is one FastAPI application; a page and other protocols are added to it and
stand behind the same doors.
"""
