"""What code may reach: one listed host, and nothing else; every request is on the record."""

import http.server
import threading

import anyio

from codeact import Allow
from codeact.sandbox.local import LocalSandbox


class Rates(http.server.BaseHTTPRequestHandler):
    """A service on this machine, in place of an API on the internet."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"EUR": 1.08}')

    def log_message(self, format: str, *args: object) -> None:
        pass


FETCH = "import urllib.request\nprint(urllib.request.urlopen('{url}').read())"


async def main(address: str) -> None:
    # network="packages" lets pip work and nothing else; LocalSandbox(packages=["six"]) has it from the start.
    async with LocalSandbox(preload=()).open(network=Allow(hosts=(address,))) as session:
        result = await session.run(FETCH.format(url=f"http://{address}/rates"))
        print("listed:", result.stdout.strip())

        result = await session.run(FETCH.format(url="https://example.com/"))
        print("another:", result.error.message if result.error else "open?!")

        for request in session.requests:
            print("record:", request.method, request.host, "allowed" if request.allowed else "refused")


with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Rates) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    anyio.run(main, f"127.0.0.1:{server.server_port}")
    server.shutdown()
