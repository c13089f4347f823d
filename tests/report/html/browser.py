"""A headless Chromium, driven over a pair of pipes (Chrome DevTools Protocol), so that nothing need be installed for it.

One browser serves all tests of a process. Each page notes whatever the console complains of.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tests.patience import PATIENCE_S

HOW_TO_GET: Final = "there is no Chromium; `apt-get install chromium` brings it"


_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_FLAGS: Final = (
    "--headless",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-extensions",
    "--hide-scrollbars",
)
# Of a container's tests, root has no user namespace to make a sandbox of; the pages are ours.
_AS_ROOT: Final = ("--no-sandbox",)


def executable() -> str | None:
    """Where Chromium is, if it is anywhere."""
    return next((path for name in _NAMES if (path := shutil.which(name)) is not None), None)


class Browser:
    """A running browser. ``close`` it."""

    def __init__(self, path: str, home: Path) -> None:
        """``home`` is an empty directory for whatever the browser writes."""
        to_read, self._commands = os.pipe()
        self._answers, to_write = os.pipe()

        def hand_over() -> None:
            # Chromium reads commands from descriptor 3 and answers on 4; the copies keep one from burying the other.
            read, write = os.dup(to_read), os.dup(to_write)
            os.dup2(read, 3)
            os.dup2(write, 4)
            for descriptor in (3, 4):
                os.set_inheritable(descriptor, True)

        flags = [*_FLAGS, *(_AS_ROOT if os.geteuid() == 0 else ()), f"--user-data-dir={home / 'profile'}"]
        self._process = subprocess.Popen(
            [path, *flags, "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            close_fds=False,
            preexec_fn=hand_over,
            env={**os.environ, "HOME": str(home)},
        )
        os.close(to_read)
        os.close(to_write)
        self._number = 0
        self._buffer = b""
        self.events: list[dict[str, Any]] = []

    def close(self) -> None:
        """End it."""
        self._send("Browser.close", {}, None)
        self._process.wait(timeout=PATIENCE_S)
        os.close(self._commands)
        os.close(self._answers)

    def open(self, file: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> Page:
        """A page of its own, which has loaded."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = Page(self, target, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        page.call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.call("Emulation.setEmulatedMedia", features=[scheme])
        page.call("Page.navigate", url=file.resolve().as_uri())
        page.wait_for("Page.loadEventFired")
        page.settle()
        return page

    def call(self, method: str, parameters: dict[str, Any], session: str | None = None) -> dict[str, Any]:
        """The result of a command. Events that come meanwhile are kept."""
        number = self._send(method, parameters, session)
        while True:
            message = self.next_message()
            if message.get("id") == number:
                assert "error" not in message, (method, message["error"])
                result: dict[str, Any] = message["result"]
                return result
            self.events.append(message)

    def next_message(self) -> dict[str, Any]:
        """Whatever comes next."""
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], PATIENCE_S)
            part = os.read(self._answers, 1 << 16) if ready else b""
            assert part, "the browser has gone" if ready else "the browser does not answer"
            self._buffer += part
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message

    def _send(self, method: str, parameters: dict[str, Any], session: str | None) -> int:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._commands, data) :]
        return self._number


class Page:
    """One page in the browser."""

    def __init__(self, browser: Browser, target: str, session: str) -> None:
        self._browser = browser
        self._target = target
        self._session = session

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a command to this page."""
        return self._browser.call(method, parameters, self._session)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression, of a promise what it comes to."""
        done = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def press(self, key: str) -> None:
        """A key goes down and up."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, text=key if kind == "keyDown" else "")
        self.settle()

    def click(self, selector: str) -> None:
        """As a script clicks."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")
        self.settle()

    def settle(self) -> None:
        """Until it has been drawn."""
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")

    def is_in_view(self, selector: str) -> bool:
        """Whether an element is drawn where somebody sees it: inside the window, and with nothing above it."""
        script = """(selector => {
            const element = document.querySelector(selector), box = element.getBoundingClientRect();
            const above = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
            return box.height > 0 && above !== null && element.contains(above);
        })"""
        return bool(self.evaluate(f"{script}({json.dumps(selector)})"))

    def complaints(self) -> list[str]:
        """What the console said, and what was fetched beside the page itself."""
        found: list[str] = []
        for event in self._browser.events:
            if event.get("sessionId") != self._session:
                continue
            match event["method"], event["params"]:
                case (("Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded"), said):
                    found.append(json.dumps(said))
                case "Network.requestWillBeSent", {"type": kind, "request": {"url": url}} if kind != "Document":
                    found.append(f"fetched {url}")
                case _:
                    pass
        return found

    def screenshot(self, path: Path) -> None:
        """What the window shows, as a PNG file."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def printed(self) -> bytes:
        """The page as a PDF file."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    def wait_for(self, method: str) -> None:
        """Until this event has come to the page."""
        if _is_there(self._browser.events, method, self._session):
            return
        while True:
            message = self._browser.next_message()
            self._browser.events.append(message)
            if _is_there([message], method, self._session):
                return

    def close(self) -> None:
        """Close it."""
        self._browser.call("Target.closeTarget", {"targetId": self._target})


def _is_there(events: Sequence[dict[str, Any]], method: str, session: str) -> bool:
    return any(event.get("method") == method and event.get("sessionId") == session for event in events)
