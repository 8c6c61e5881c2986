"""What the official client makes of answers that come before any of the endpoints is reached."""

import httpx2
import openai
import pytest

from codeact.server.http.settings import HttpSettings

pytestmark = pytest.mark.anyio


async def test_a_wrong_token_is_an_authentication_error(serve):
    async with serve() as place, place.client("nobody") as client:
        with pytest.raises(openai.AuthenticationError) as refused:
            await client.models.list()
        assert (refused.value.type, refused.value.code) == ("authentication_error", "invalid_api_key")


async def test_another_name_of_the_service_is_a_permission_error(serve):
    async with serve() as place, place.client(default_headers={"host": "evil.example"}) as client:
        with pytest.raises(openai.PermissionDeniedError, match="by that name") as refused:
            await client.models.list()
        assert refused.value.type == "permission_error"


async def test_too_many_requests_are_a_rate_limit_error(serve):
    async with serve(http=HttpSettings(rate=0.001, burst=2)) as place, place.client() as client:
        for _ in range(2):
            await client.models.list()
        with pytest.raises(openai.RateLimitError) as refused:
            await client.models.list()
        assert (refused.value.type, refused.value.code) == ("rate_limit_error", "rate_limit_exceeded")
        assert int(refused.value.response.headers["retry-after"]) > 0


async def test_a_body_that_is_too_large_is_refused_declared_or_not(serve):
    body = {"model": "codeact", "messages": [{"role": "user", "content": "x" * 2000}]}

    async def pieces():
        yield b"{" + b" " * 2000

    async with serve(http=HttpSettings(upload=1000)) as place, place.client() as client:
        with pytest.raises(openai.APIStatusError, match="1,000 bytes") as refused:
            await client.chat.completions.create(**body)
        assert (refused.value.status_code, refused.value.code) == (413, "request_too_large")
        headers = {"authorization": "Bearer token-of-ada", "content-type": "application/json"}
        async with httpx2.AsyncClient(headers=headers) as bare:
            got = await bare.post(f"{place.base_url}/chat/completions", content=pieces())
        assert (got.status_code, got.json()["error"]["code"]) == (413, "request_too_large")


async def test_what_is_not_there_is_said_in_openais_form(serve):
    async with serve() as place, place.client() as client:
        with pytest.raises(openai.NotFoundError) as refused:
            await client.embeddings.create(model="codeact", input="hello")
        assert refused.value.type == "invalid_request_error"
