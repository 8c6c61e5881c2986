"""The browser: a Chromium of its own for each episode, driven by its chromedriver.

Imported on demand: it needs the extra `miniwob`, Chromium and chromedriver. Only the package's pages and their protocol
(`core.js`) are used: its own driver takes a picture after every action and asks the environment where the browser is.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from urllib3.exceptions import HTTPError

from codeact.errors import SandboxError, SetupError, ToolError

# By name, so that this package can be checked without the extra.
_selenium: Any = import_module("selenium.webdriver")
_errors: Any = import_module("selenium.common.exceptions")
_WebDriverError: Any = _errors.WebDriverException
_MISTAKES = (
    _errors.MoveTargetOutOfBoundsException,
    _errors.InvalidArgumentException,
    _errors.ElementNotInteractableException,
)
_Wait: Any = import_module("selenium.webdriver.support.wait").WebDriverWait
_Service: Any = import_module("selenium.webdriver.chrome.service").Service

PATIENCE = 60.0  # seconds for a page to be there
FOREVER = (
    2**31 - 1
)  # ms, the longest that a page's clock can have: the pages end after 10 s, which suits no language model
_OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND"  # the pages are files; nothing else is for the browser to ask for
_FLAGS = ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=500,320", _OFFLINE)
_BEGIN = (
    "core.endEpisode(0); core.EPISODE_MAX_TIME = arguments[1]; Math.seedrandom(arguments[0]);"
    "core.setDataMode('train'); core.startEpisodeReal();"
)


@dataclass(frozen=True, slots=True)
class Browser:
    """One page of one episode. Its methods block, and are called from one thread at a time; they raise `SandboxError`
    where the browser has failed.
    """

    _driver: Any

    @property
    def goal(self) -> str:
        told: Any = self._run("return core.getUtterance();")
        return str(told if isinstance(told, str) else told["utterance"])

    @property
    def done(self) -> bool:
        return bool(self._run("return WOB_DONE_GLOBAL;"))

    @property
    def reward(self) -> float:
        """-1 to 1, not made less by the time that was taken; 0 before the end."""
        return float(self._run("return WOB_DONE_GLOBAL ? WOB_RAW_REWARD_GLOBAL : 0;"))

    def elements(self) -> dict[str, Any]:
        """The page as a tree, each element with its number (`ref`)."""
        return self._run("return core.getDOMInfo();")

    def click(self, ref: int) -> None:
        self.elements()  # numbers are valid as of the last listing, and things may have moved
        said = self._run("return core.previousDOMInfo[arguments[0]] ? core.elementClick(arguments[0]) : 'none';", ref)
        if said is not True:
            raise ToolError(f"there is no element {ref} to click on; page() lists them", name="ValueError")

    def click_at(self, x: float, y: float) -> None:
        chain = _selenium.ActionChains(self._driver, duration=0)
        chain.w3c_actions.pointer_action.move_to_location(int(x), int(y))
        chain.w3c_actions.pointer_action.click()
        self._perform(chain)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        chain = _selenium.ActionChains(self._driver, duration=50)
        pointer = chain.w3c_actions.pointer_action
        pointer.move_to_location(int(start[0]), int(start[1]))
        pointer.click_and_hold()
        pointer.move_to_location(int(end[0]), int(end[1]))
        pointer.release()
        self._perform(chain)

    def type(self, text: str) -> None:
        self._perform(_selenium.ActionChains(self._driver, duration=0).send_keys(text))

    def press(self, key: str) -> None:
        """A key by its name (Enter, Tab, ArrowDown, …), with Control+ or Shift+ before it; or a character."""
        *held, last = key.split("+") if len(key) > 1 else [key]
        chain = _selenium.ActionChains(self._driver, duration=0)
        for name in held:
            chain.key_down(_key(name))
        chain.send_keys(_key(last))
        for name in reversed(held):
            chain.key_up(_key(name))
        self._perform(chain)

    def close(self) -> None:
        with contextlib.suppress(_WebDriverError, HTTPError):  # it is gone, which is what is wanted
            self._driver.quit()

    def _run(self, script: str, *given: Any) -> Any:
        with _answering():
            return self._driver.execute_script(script, *given)

    def _perform(self, chain: Any) -> None:
        with _answering():
            try:
                chain.perform()
            except _MISTAKES as error:  # a place outside the window, say
                raise ToolError(_first_line(error), name="ValueError") from error


def open_page(page: Path, seed: str) -> Browser:
    """Start a browser on a page, and begin its task.

    Raises:
        SetupError: Chromium or chromedriver is missing or does not start.
        SandboxError: it has started, but does not show the page.
    """
    paths = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    if missing := [name for name, path in paths.items() if path is None]:
        raise SetupError(
            f"miniwob needs {missing[0]}, which is not installed; remedy: scripts/install_chromium.sh, as root"
        )
    options = _selenium.ChromeOptions()
    options.binary_location = str(paths["chromium"])
    for flag in _FLAGS:
        options.add_argument(flag)
    options.add_argument("--no-sandbox")  # it refuses its own as root; what it shows are this package's pages only
    try:
        driver = _selenium.Chrome(options=options, service=_Service(executable_path=str(paths["chromedriver"])))
    except _WebDriverError as error:
        raise SetupError(f"Chromium does not start: {_first_line(error)}") from error
    try:
        with _answering():
            driver.set_page_load_timeout(PATIENCE)
            driver.set_script_timeout(PATIENCE)
            driver.get(page.as_uri())
            driver.execute_script(_BEGIN, seed, FOREVER)
            _Wait(driver, PATIENCE, 0.05).until(_ready)
        return Browser(driver)
    except BaseException:
        driver.quit()
        raise


@contextmanager
def _answering() -> Generator[None]:
    try:
        yield
    except (_WebDriverError, HTTPError) as error:
        raise SandboxError(f"the browser of miniwob has failed: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(getattr(error, "msg", None) or error).strip().partition("\n")[0] or type(error).__name__


def _ready(driver: Any) -> bool:
    """Some pages load more before they can be used."""
    return bool(driver.execute_script("return WOB_TASK_READY;"))


def _key(name: str) -> str:
    if len(name) == 1:
        return name
    found = getattr(_selenium.Keys, _NAMES.get(name.lower(), name.upper()), None)
    if not isinstance(found, str):
        raise ToolError(
            f"there is no key {name!r}; there are Enter, Tab, Backspace, Delete, Escape, ArrowUp, …", name="ValueError"
        )
    return found


_NAMES = {
    "arrowup": "ARROW_UP",
    "arrowdown": "ARROW_DOWN",
    "arrowleft": "ARROW_LEFT",
    "arrowright": "ARROW_RIGHT",
    "pageup": "PAGE_UP",
    "pagedown": "PAGE_DOWN",
    "ctrl": "CONTROL",
}
