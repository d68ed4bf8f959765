"""Pictures of the studio for its documentation: python scripts/studio_pictures.py PROJECT [FOLDER].

PROJECT is a finished one, such as the demonstration's; nothing in it is changed. Needs Chromium.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Page, sync_playwright

from facedouble.studio.server import StudioServer
from facedouble.video.opencv_codec import decode, encode

SIZE = {"width": 1280, "height": 760}
WIDTH = 960
WAIT = 240_000  # milliseconds, for a busy machine


def main(project: Path, folder: Path) -> None:
    """Write a picture of each screen into ``folder``."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("no Chromium on this machine (Debian: apt install chromium)")
    with tempfile.TemporaryDirectory() as copied, sync_playwright() as playwright:
        film = shutil.copytree(project, Path(copied) / "film")
        ready = threading.Event()
        server = StudioServer(film, [film], 0, ready.set)
        thread = threading.Thread(target=server.serve_studio)
        thread.start()
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            ready.wait()
            page = browser.new_page(viewport=SIZE, locale="en-GB", color_scheme="dark")  # type: ignore[arg-type]
            page.set_default_timeout(WAIT)
            page.goto(server.key.link)
            for name, prepare in SCREENS.items():
                page.goto(f"{server.address}/#/{name}")
                prepare(page)
                page.wait_for_timeout(1500)
                picture = np.asarray(decode(page.screenshot(), cv2.IMREAD_COLOR))
                height = round(picture.shape[0] * WIDTH / picture.shape[1])
                small = cv2.resize(picture, (WIDTH, height), interpolation=cv2.INTER_AREA)
                data = encode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 82])
                (folder / f"studio-{name}.jpg").write_bytes(data)
                print(f"{folder / f'studio-{name}.jpg'}: {len(data) // 1024} kB")
        finally:
            browser.close()
            server.should_exit = True
            thread.join()


def _faces(page: Page) -> None:
    page.wait_for_selector(".tile img")
    every = """() => [...document.querySelectorAll('.tile img')].every((one) => one.naturalWidth)
        && document.querySelector('.coverage p:last-child').textContent !== ''"""
    while not page.evaluate(every):  # the page's own policy forbids waiting for it in there
        page.wait_for_timeout(200)


def _convert(page: Page) -> None:
    page.wait_for_selector(".transport[data-stamp]")
    page.get_by_label("Frame", exact=True).last.fill("49")
    page.get_by_label("Frame", exact=True).last.press("Enter")
    page.keyboard.press("Escape")
    page.locator(".viewer").click()
    page.keyboard.press("KeyW")
    page.wait_for_selector(".transport[data-frame='49'][data-stamp]")


SCREENS: dict[str, Callable[[Page], object]] = {
    "project": lambda page: page.wait_for_selector(".steps"),
    "faces": _faces,
    "train": lambda page: page.wait_for_selector(".chart svg"),
    "convert": _convert,
    "report": lambda page: page.wait_for_selector(".findings"),
}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "docs/images"))
