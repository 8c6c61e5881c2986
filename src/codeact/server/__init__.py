"""The service: chats over HTTP, with a page, an API, and a code interpreter that other programs can plug in."""
