"""The explorer's page in a real browser: what it shows and computes is what Python says, and it talks to nobody."""

import shutil
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import numpy as np
import pytest

from enfold.explorer import one_file, prepare, serving
from enfold.model import decode_means

playwright = pytest.importorskip("playwright.sync_api", reason="the tests in a browser need playwright")
pytest.importorskip("onnxruntime")
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for name in NAMES if (path := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="the tests in a browser need Chromium: apt-get install chromium"
)
FLAGS = [
    *("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),  # WebGL without a graphics card
]
DRIVER = "GL Driver Message"  # about the software that stands for a graphics card; not the page's
PATIENCE = 60  # seconds, on a machine that does much else


@pytest.fixture(scope="module")
def addresses(digits_run, tmp_path_factory):
    """Where the page is: served, and as one file."""
    files = prepare(digits_run)
    path = tmp_path_factory.mktemp("shared") / "digits.html"
    path.write_bytes(one_file(files))
    with serving(files) as address:
        yield {"served": address, "one file": path.as_uri()}


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as engines:
        browser = engines.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(params=["served", "one file"])
def address(request, addresses):
    return addresses[request.param]


@contextmanager
def opened(browser, address, complaints, asked):
    """Lend the page when it is ready, and collect what it complains of and what it asks for."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda each: asked.append(each.url))
    page.goto(address)
    page.evaluate("enfold.ready")
    yield page
    context.close()


@pytest.fixture
def page(browser, address):
    """The page; whatever a test does on it, it must not complain, and must not ask others."""
    complaints, asked = [], []
    with opened(browser, address, complaints, asked) as page:
        yield page
    assert [each for each in complaints if DRIVER not in each] == []
    assert [each for each in asked if not each.startswith((address, "data:", "blob:"))] == []


def state(page, name):
    return page.evaluate(f"enfold.state.{name} && (n => n.length ? Array.from(n) : n)(enfold.state.{name})")


def until(true):
    """Wait until a function says that it is so; the page's policy forbids Playwright's own way."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def place(page, x, y):
    """A place on the map, in pixels of the page, from shares of its width and height."""
    box = page.locator("#stage").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def drag(page, *places):
    """Press at the first place, move over the others, release, and wait until the last one is decoded."""
    page.mouse.move(*place(page, *places[0]))
    page.mouse.down()
    for each in places[1:]:
        page.mouse.move(*place(page, *each), steps=4)
    page.mouse.up()


def decoded(page):
    """The cursor and what the page decodes of it, when it has caught up."""
    before = -1
    while before != (before := state(page, "decodes")):
        time.sleep(0.1)
    return np.array(state(page, "z"), np.float32), np.array(state(page, "decoded"))


def as_bytes(x):
    return np.asarray(x).reshape(-1) * 255 / 16


def test_dragging_decodes_what_python_decodes_there(page, digits_run):
    drag(page, (0.5, 0.5), (0.3, 0.3))
    first = page.locator("#decoded").screenshot()
    z, shown = decoded(page)
    np.testing.assert_allclose(shown, as_bytes(decode_means(digits_run.model, z[None])), atol=2)
    drag(page, (0.3, 0.3), (0.7, 0.6))
    other, shown = decoded(page)
    np.testing.assert_allclose(shown, as_bytes(decode_means(digits_run.model, other[None])), atol=2)
    assert page.locator("#decoded").screenshot() != first
    across, down = (
        page.locator("#stage").bounding_box()["width"] * 0.4,
        page.locator("#stage").bounding_box()["height"] * 0.3,
    )
    x, y = other - z
    assert x > 0 > y
    assert x / across == pytest.approx(-y / down, rel=0.02)  # as far on the map as on the screen


def test_the_picture_on_the_page_is_what_is_decoded(page):
    _, shown = decoded(page)
    read = "c => [c.width, c.height, ...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    width, height, *pixels = page.locator("#decoded").evaluate(read)
    assert (width, height) == (8, 8)
    np.testing.assert_array_equal(np.array(pixels).reshape(-1, 4)[:, 0], shown)


@pytest.fixture
def elsewhere():
    """The address of another server, and the paths that it was asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *message):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", asked
        server.shutdown()
        thread.join()


def test_even_a_script_in_the_page_could_tell_nobody(browser, address, elsewhere):
    other, asked = elsewhere
    with opened(browser, address, complaints := [], []) as page:
        sent = page.evaluate("url => fetch(url, {mode: 'no-cors'}).then(() => true, () => false)", other + "fetch")
        assert not sent
        page.evaluate("url => navigator.sendBeacon(url)", other + "beacon")
        page.evaluate(
            "url => new Promise(f => { const i = new Image(); i.onerror = f; i.src = url })", other + "image"
        )
        page.evaluate(
            "() => document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))"
        )
        assert page.evaluate("window.ran") is None
        assert any("Content Security Policy" in each for each in complaints)
    assert asked == []
