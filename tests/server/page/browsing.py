"""A person at the page: a real Chromium, driven by its chromedriver."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from selenium import webdriver
from selenium.common.exceptions import JavascriptException, StaleElementReferenceException, WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

PATIENCE = 60.0  # seconds, for slow machines; never waited for otherwise
NETWORK_CHANGED = "net::ERR_NETWORK_CHANGED"
FIELD = "textarea[aria-label=Message]"
T = TypeVar("T")


@dataclass(slots=True)
class Reader:
    driver: Any
    base: str
    heard: list[str] = field(default_factory=list[str])

    def until(self, look: Callable[[], T], what: str) -> T:
        """What `look` gives, once it gives anything; the page may be drawn anew meanwhile."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                if found := look():
                    return found
            except (StaleElementReferenceException, JavascriptException):
                pass
            time.sleep(0.05)
        raise AssertionError(f"never seen: {what}; the page says: {self.text()[-1500:]}")

    def all(self, selector: str) -> list[Any]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> Any:
        return self.until(lambda: [found for found in self.all(selector) if found.is_displayed()], selector)[0]

    def text(self, selector: str = "body") -> str:
        return " ".join(str(found.get_property("innerText")) for found in self.all(selector))

    def sees(self, text: str, within: str = ".talk") -> None:
        self.until(lambda: text in self.text(within), f"{text!r} in {within}")

    def press(self, selector: str, at: int = 0) -> None:
        """Whatever the mouse would have to hover over first."""
        self.until(lambda: self.all(selector)[at:] or (at < 0 and self.all(selector)), selector)
        self.run(
            "document.querySelectorAll(arguments[0])[arguments[1]].click()", selector, at % len(self.all(selector))
        )

    def run(self, script: str, *given: Any) -> Any:
        return self.driver.execute_script(script, *given)

    def choose(self, name: str, value: str, within: str) -> None:
        """Fill in a field of a form."""
        field = f"{within} [name={name}]"
        self.one(field)
        self.run("document.querySelector(arguments[0]).value = arguments[1]", field, value)

    def type(self, text: str, selector: str = FIELD) -> None:
        self.one(selector).send_keys(text)

    def load(self, address: str) -> None:
        """Chromium drops what it loads when an interface of the machine comes or goes, and says so: then once more."""
        for _ in range(5):
            self.driver.get(address)
            if not self._listen():
                return

    def go(self, path: str = "/") -> None:
        self.load(self.base + path)
        self.until(lambda: self.run("return window.did_handshake === true"), "the page's socket")

    def new(self) -> None:
        """A new conversation, without loading the page anew."""
        self.press("[data-act=new]")
        self.until(lambda: self.all(".welcome") and self.driver.current_url == self.base + "/", "a new conversation")

    def panel(self, tab: str) -> None:
        """Open the panel at a tab, whatever it shows now."""
        self.press("[data-act=tab][data-on=share]")
        self.press(f"#tab-{tab}")
        self.until(lambda: self.all(f"#tab-{tab}[aria-selected=true]"), f"the tab {tab}")

    def say(self, text: str) -> None:
        """Send a message, once nothing runs any more, and see it taken."""
        self.until(lambda: not self.all(".composer .stop"), "the end of what ran before")
        before = len(self.all(".said"))
        self.type(text + Keys.ENTER)
        self.until(lambda: len(self.all(".said")) > before or not self.one(FIELD).get_property("value"), "the message")

    def asked(self, text: str) -> None:
        """Send a message, and see its run end."""
        ended = len(self.all(".end .meter"))
        self.say(text)
        self.until(lambda: len(self.all(".end .meter")) > ended, "the end of the run")

    def chat(self) -> str:
        self.until(lambda: "/c/" in self.driver.current_url, "the conversation's address")
        return str(self.driver.current_url).removeprefix(self.base)

    def cookies(self) -> dict[str, str]:
        """For a program that asks in this browser's name."""
        return {cookie["name"]: cookie["value"] for cookie in self.driver.get_cookies()}

    def complaints(self) -> list[str]:
        """What the browser has logged since it was asked last: refused scripts and styles, errors, failed requests."""
        self._listen()
        heard, self.heard = self.heard, []
        return heard

    def _listen(self) -> bool:
        """Whether the machine's network has changed since this was asked last, which is no fault of the page's."""
        new = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        self.heard += [message for message in new if NETWORK_CHANGED not in message]
        return any(NETWORK_CHANGED in message for message in new)


@contextmanager
def browser(binary: str, driver: str, base: str) -> Generator[Reader]:
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--window-size=1280,900",
    ):
        options.add_argument(flag)  # it refuses its own sandbox as root; it shows nothing but our page
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(driver))
    try:
        started.set_page_load_timeout(PATIENCE)
        yield Reader(started, base)
    finally:
        with suppress(WebDriverException):  # it is gone already, which is what is wanted
            started.quit()
