"""The service as OpenAI-compatible endpoints: the official client runs unchanged against it."""
