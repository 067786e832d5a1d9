"""The page for looking: complete in itself, right figures, and it works in a browser where there is one."""

import base64
import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks import baselines, compare
from benchmarks.metrics import butteraugli, ssimulacra2
from runtime.codec import Codec

PEERS = [peer for peer in ("jpeg", "webp", "avif-iq") if baselines.is_available(peer)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with cam.png, whose name needs escaping, page.html and page.png."""
    folder = tmp_path_factory.mktemp("compare")
    y, x = np.mgrid[:144, :192]
    picture = np.stack([128 + 60 * np.sin(x / (5 + c) + y / 17) for c in range(3)], -1)
    picture += np.random.default_rng(7).normal(0, 5, picture.shape)
    Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(folder / "c<am.png")
    command = [str(folder / "c<am.png"), "-o", str(folder / "page.html"), "--side", "64"]
    assert compare.main(command) == 0
    return folder


def data(made: Path) -> dict[str, Any]:
    found = re.search(
        r'<script id="data" type="application/json">(.*?)</script>', (made / "page.html").read_text(), re.DOTALL
    )
    assert found is not None
    return json.loads(found[1])


def pixels(view: dict[str, Any]) -> np.ndarray:
    head, _, body = view["src"].partition(",")
    assert head == "data:image/webp;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(body))).convert("RGB"))


def test_the_page_needs_nothing_else(made: Path) -> None:
    text = (made / "page.html").read_text()
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!data:)""", text)
    assert not re.search(r"https?:|url\(|@import|fetch\(|XMLHttpRequest", text)
    assert compare.SLOT not in text and "c<am" not in text


def test_every_view_is_what_its_codec_made(made: Path, codec: Codec) -> None:
    page = data(made)
    original = np.asarray(Image.open(made / "c<am.png"))
    views = {view["key"]: view for view in page["views"]}
    assert list(views) == ["original", "gargalo"] + [f"{peer}:{group}" for group in ("bytes", "psnr") for peer in PEERS]
    assert (page["name"], page["width"], page["height"], page["shown"]) == ("c<am.png", 192, 144, [192, 144])
    assert np.array_equal(pixels(views["original"]), original)
    stream = codec.encode(original, 50)
    assert np.array_equal(pixels(views["gargalo"]), codec.decode(stream))
    assert views["gargalo"]["ssimulacra2"] == ssimulacra2(original, codec.decode(stream))
    assert views["gargalo"]["butteraugli"] == butteraugli(original, codec.decode(stream))
    assert views["gargalo"]["bytes"] == len(stream) and codec.bundle.id.hex() in page["made"]
    for peer in PEERS:
        assert views[f"{peer}:bytes"]["bytes"] >= len(stream)
        assert abs(views[f"{peer}:psnr"]["psnr"] - views["gargalo"]["psnr"]) < 1


def test_the_picture_has_both_comparisons(made: Path) -> None:
    with Image.open(made / "page.png") as page:
        assert page.width > (2 + len(PEERS)) * 64 and page.height > 2 * 64


def test_of_a_large_picture_the_middle_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "MOST_PX", (100, 50))
    assert compare.window(np.zeros((60, 90, 3), np.uint8)) == (slice(5, 55), slice(0, 90))


def test_what_is_no_picture_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cam.jpg").write_text("no picture")
    assert compare.main([str(tmp_path / "cam.jpg"), "-o", str(tmp_path / "page.html")]) == 1
    assert capsys.readouterr().err.count("\n") == 1 and not (tmp_path / "page.html").exists()


# --- in a browser -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser(made: Path) -> Iterator[Any]:
    """The page in headless Chromium, 1200 x 800."""
    webdriver = pytest.importorskip("selenium.webdriver")
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        pytest.skip("no chromium, or no chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    for word in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1200,800",
    ):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(programs[1]))
    try:
        driver.get((made / "page.html").as_uri())
        yield driver
        assert driver.get_log("browser") == []
    finally:
        driver.quit()


def script(browser: Any, code: str) -> Any:
    return browser.execute_script(f"return {code}")


def test_the_pictures_are_shown_and_the_slider_moves(browser: Any) -> None:
    actions = pytest.importorskip("selenium.webdriver.common.action_chains")
    assert script(browser, "document.querySelector('#left-image').decode().then(() => 1)") == 1
    assert script(browser, "document.querySelector('#right-image').naturalWidth") == 192
    clip = "document.querySelector('#left-image').style.clipPath"
    before = script(browser, clip)
    bar = browser.find_element("id", "bar")
    actions.ActionChains(browser).click_and_hold(bar).move_by_offset(-150, 0).release().perform()
    assert script(browser, clip) != before and script(browser, "state.divider") < 0.45
    browser.find_element("id", "stage").send_keys("\ue012")  # the left arrow
    assert script(browser, "state.divider") < 0.37


def test_zoom_and_the_choice_of_what_is_equal(browser: Any) -> None:
    browser.find_element("css selector", "[data-zoom='4']").click()
    assert script(browser, "document.querySelector('#left-image').getBoundingClientRect().width") == 4 * 192
    browser.find_element("css selector", "[data-group='psnr']").click()
    script(browser, "((state.left = 'jpeg:psnr'), show())")
    assert "JPEG" in browser.find_element("id", "left-tag").text
    assert len(browser.find_elements("css selector", "#table tr")) == 2 + len(PEERS)
    browser.find_element("css selector", "[data-group='bytes']").click()
    assert script(browser, "state.left") == "jpeg:bytes", "the same codec stays chosen"
