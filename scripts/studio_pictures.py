"""Pictures of the studio: python scripts/studio_pictures.py PROJECT [FOLDER] [--every].

PROJECT is a finished one, such as the demonstration's; nothing in it is changed. Without --every, the
pictures of the documentation; with it, every screen at 1280 and 1920 pixels, light and dark, in English and
Chinese, to be looked through. Needs Chromium.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from facedouble.studio.server import StudioServer
from facedouble.video.opencv_codec import decode, encode

SIZE = (1280, 760)
WIDTH = 960
WAIT = 240_000  # milliseconds, for a busy machine
SIZES = ((1280, 800), (1920, 1080))
LANGUAGES = {"en": "en-GB", "zh": "zh-CN"}
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


@contextmanager
def studio(folder: Path) -> Iterator[StudioServer]:
    """A studio that answers."""
    ready = threading.Event()
    server = StudioServer(folder, [folder], 0, ready.set)
    thread = threading.Thread(target=server.serve_studio)
    thread.start()
    try:
        ready.wait()
        yield server
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def opened(
    browser: Browser,
    server: StudioServer,
    size: tuple[int, int] = SIZE,
    language: str = "en-GB",
    scheme: Scheme = "dark",
) -> Iterator[Page]:
    """A page that was let in."""
    viewport = {"width": size[0], "height": size[1]}
    context = browser.new_context(viewport=viewport, locale=language, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(WAIT)
    page.on("pageerror", lambda error: sys.exit(f"a script failed: {error}"))
    page.goto(server.key.link)
    page.wait_for_selector("nav")
    yield page
    context.close()


def documentation(browser: Browser, server: StudioServer, folder: Path) -> None:
    """The pictures that the documentation shows."""
    with opened(browser, server) as page:
        for name in ("project", "faces", "train", "convert", "report"):
            show(page, server, name)
            picture = np.asarray(decode(page.screenshot(), cv2.IMREAD_COLOR))
            height = round(picture.shape[0] * WIDTH / picture.shape[1])
            small = cv2.resize(picture, (WIDTH, height), interpolation=cv2.INTER_AREA)
            data = encode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 82])
            (folder / f"studio-{name}.jpg").write_bytes(data)
            print(f"{folder / f'studio-{name}.jpg'}: {len(data) // 1024} kB")


def every(browser: Browser, server: StudioServer, empty: StudioServer, folder: Path) -> None:
    """Every screen in every size, scheme and language, as PNG."""
    for size, scheme, language in product(SIZES, SCHEMES, LANGUAGES):
        kind = f"{size[0]}-{scheme}-{language}"
        with opened(browser, empty, size, LANGUAGES[language], scheme) as page:
            page.wait_for_selector("#a-0")
            page.screenshot(path=folder / f"new-{kind}.png")
        with opened(browser, server, size, LANGUAGES[language], scheme) as page:
            for name in SCREENS:
                show(page, server, name)
                page.screenshot(path=folder / f"{name}-{kind}.png")
        print(f"{kind}: {len(SCREENS) + 1} screens")


def show(page: Page, server: StudioServer, name: str) -> None:
    """Go to a screen, and wait until it stands still."""
    page.goto("about:blank")
    page.goto(f"{server.address}/#/{name.partition('-')[0]}")
    SCREENS[name](page)
    page.wait_for_timeout(1000)  # what moves into its place


def _faces(page: Page) -> None:
    page.wait_for_selector(".tile img")
    loaded = """() => [...document.querySelectorAll('.tile img')].every((one) => one.naturalWidth)
        && document.querySelector('.coverage p:last-child').textContent !== ''"""
    while not page.evaluate(loaded):  # the page's own policy forbids waiting for it in there
        page.wait_for_timeout(200)


def _convert(page: Page) -> None:
    page.wait_for_selector(".transport[data-stamp]")
    page.locator(".transport input[type=number]").fill("49")
    page.locator(".transport input[type=number]").press("Enter")
    page.keyboard.press("Escape")
    page.locator(".viewer").click()
    page.keyboard.press("KeyW")
    page.wait_for_selector(".transport[data-frame='49'][data-stamp]")


def _editor(page: Page) -> None:
    page.wait_for_selector(".editor canvas")
    page.wait_for_timeout(3000)


def _compare(page: Page) -> None:
    page.wait_for_selector("main")
    page.wait_for_timeout(2000)


def _log(page: Page) -> None:
    page.wait_for_timeout(1000)
    for button in page.locator(".job button[aria-expanded=false]").all()[:2]:
        button.click()
    page.wait_for_timeout(1500)


def _keys(page: Page) -> None:
    page.wait_for_selector(".transport[data-stamp]")
    page.keyboard.press("Shift+Slash")
    page.wait_for_selector("dialog, [role=dialog]")


SCREENS: Mapping[str, Callable[[Page], object]] = {
    "project": lambda page: page.wait_for_selector(".steps"),
    "faces": _faces,
    "editor": _editor,
    "train": lambda page: page.wait_for_selector(".chart svg"),
    "convert": _convert,
    "convert-keys": _keys,
    "report": lambda page: page.wait_for_selector(".findings"),
    "jobs": _log,
}


def main() -> None:
    """Write the pictures."""
    reading = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    reading.add_argument("project", type=Path)
    reading.add_argument("folder", type=Path, nargs="?", default=Path("docs/images"))
    reading.add_argument("--every", action="store_true")
    wanted = reading.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("no Chromium on this machine (Debian: apt install chromium)")
    wanted.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as copied, sync_playwright() as playwright:
        film = shutil.copytree(wanted.project, Path(copied) / "film")
        (Path(copied) / "new").mkdir()
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            with studio(film) as server, studio(Path(copied) / "new") as empty:
                if wanted.every:
                    every(browser, server, empty, wanted.folder)
                else:
                    documentation(browser, server, wanted.folder)
        finally:
            browser.close()


if __name__ == "__main__":
    main()
