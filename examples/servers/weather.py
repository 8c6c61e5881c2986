"""A small MCP server over stdio."""

from mcp.server import MCPServer

server = MCPServer("weather")


@server.tool()
def temperature(city: str) -> float:
    """Today's temperature in a city, in degrees Celsius."""
    return {"Oslo": 4.0, "Cairo": 31.5, "Lima": 19.0}[city]


if __name__ == "__main__":
    server.run()
