"""The explorer's page in a real browser: what it shows and computes is what Python says, and it talks to nobody."""

import io
import shutil
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import numpy as np
import polars as pl
import pytest
import torch
from matplotlib.path import Path
from PIL import Image

import enfold
from enfold import Column, Spec
from enfold.explorer import one_file, prepare, serving
from enfold.inference import decode_means, encode_means

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
PIXELS = "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"  # red, green, blue, opacity
INK = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.filter((v, i) => i % 4 === 3 && v).length"
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


def frames(page):
    """Wait until the page has drawn what it had to."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def place(page, x, y):
    """A place on the map, in pixels of the page, from shares of its width and height."""
    box = page.locator("#stage").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def drag(page, *places):
    """Press at the first place, move over the others, and release."""
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


def on_the_map(page):
    """The functions from pixels of the page to latent vectors, and back."""
    a, b = (0.2, 0.2), (0.8, 0.8)
    ends = []
    for each in (a, b):
        drag(page, (0.5, 0.5), each)
        ends.append(decoded(page)[0])
    pixels = [np.array(place(page, *each)) for each in (a, b)]
    scale = (ends[1] - ends[0]) / (pixels[1] - pixels[0])
    return lambda pixel: ends[0] + scale * (pixel - pixels[0]), lambda z: pixels[0] + (z - ends[0]) / scale


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
    pixels = page.locator("#decoded").evaluate(PIXELS)
    np.testing.assert_array_equal(np.array(pixels).reshape(-1, 4)[:, 0], shown)


def test_a_lasso_selects_the_rows_inside_and_exports_them(page, digits, digits_run):
    to_latent, _ = on_the_map(page)
    corners = [(0.5, 0.25), (0.75, 0.5), (0.55, 0.8), (0.52, 0.55), (0.3, 0.5)]
    page.click("[data-tool=lasso]")
    drag(page, *corners, corners[0])
    until(lambda: state(page, "selected"))
    selected = np.sort(state(page, "selected"))
    means = encode_means(digits_run.model, digits.x)
    outline = np.array([to_latent(np.array(place(page, *each))) for each in corners])
    on_the_edge = 2 * (to_latent(np.array([1.0, 0]))[0] - to_latent(np.array([0.0, 0]))[0])  # pixels
    inner, outer = (set(np.flatnonzero(inside(means, outline, margin))) for margin in (-on_the_edge, on_the_edge))
    assert inner <= set(selected) <= outer
    assert 100 < len(inner) <= len(outer) < len(inner) + 100 < 1500
    page.click("#tab-selection")
    with page.expect_download() as download:
        page.click("#export")
    frame = pl.read_csv(download.value.path())
    assert frame.columns == ["row", "label", "z0", "z1"]
    np.testing.assert_array_equal(np.sort(frame["row"].to_numpy()), selected)
    np.testing.assert_array_equal(frame["label"].to_numpy(), digits.labels[frame["row"].to_numpy()])
    np.testing.assert_array_equal(
        frame.select("z0", "z1").to_numpy().astype(np.float32), means[frame["row"].to_numpy()]
    )


def inside(points, outline, margin):
    """Whether points are within an outline that is as much wider on all sides."""
    edges = zip(outline, np.roll(outline, -1, axis=0), strict=True)
    distance = np.min([distance_to(points, *edge) for edge in edges], axis=0)
    within = Path(outline).contains_points(points)
    return within | (distance < margin) if margin > 0 else within & (distance > -margin)


def distance_to(points, a, b):
    along = np.clip((points - a) @ (b - a) / np.square(b - a).sum(), 0, 1)
    return np.linalg.norm(points - a - along[:, None] * (b - a), axis=1)


def test_a_click_on_a_point_shows_its_row(page, digits, digits_run):
    _, to_pixel = on_the_map(page)
    means = encode_means(digits_run.model, digits.x)
    pixels = to_pixel(means)
    (left, top), (right, bottom) = place(page, 0.1, 0.15), place(page, 0.9, 0.9)
    seen = (pixels > (left, top)).all(1) & (pixels < (right, bottom)).all(1)
    alone = np.sort(np.linalg.norm(pixels[:, None] - pixels, axis=2), axis=1)[:, 1]
    row = int(np.argmax(np.where(seen, alone, 0)))
    page.mouse.click(*pixels[row])
    until(lambda: state(page, "row") == row)
    np.testing.assert_array_equal(decoded(page)[0], means[row])
    page.click("#tab-draw")
    page.click("#take-point")
    until(lambda: state(page, "drawn"))
    np.testing.assert_allclose(state(page, "drawn"), means[row], atol=1e-4)


def test_a_held_out_digit_on_the_pad_lands_where_python_puts_it(page, digits, digits_run):
    row = digits_run.split.held_out[3]
    gray = np.rint(digits.x[row, 0] * (255 / 16)).astype(np.uint8)
    Image.fromarray(gray).save(png := io.BytesIO(), "PNG")
    page.click("#tab-draw")
    page.set_input_files("#picture", {"name": "digit.png", "mimeType": "image/png", "buffer": png.getvalue()})
    until(lambda: state(page, "drawn"))
    expected = encode_means(digits_run.model, gray[None, None] * np.float32(16 / 255))[0]
    np.testing.assert_allclose(state(page, "drawn"), expected, atol=1e-4)
    np.testing.assert_allclose(decoded(page)[0], expected, atol=1e-4)
    assert np.linalg.norm(expected - encode_means(digits_run.model, digits.x[[row]])) < 0.05


DROP = """([where, bytes]) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(bytes)], 'digit.png', {type: 'image/png'}));
    const settings = {dataTransfer: data, bubbles: true, cancelable: true};
    const dispatch = type => document.querySelector(where).dispatchEvent(new DragEvent(type, settings));
    return [dispatch('dragover'), dispatch('drop')];  // false: the page took it
}"""


def test_a_picture_of_ink_on_paper_can_be_dropped_anywhere(page, digits, digits_run):
    ink = digits.x[digits_run.split.held_out[3], 0] / 16
    paper = np.rint(230 * (1 - ink)).astype(np.uint8)  # not quite white
    Image.fromarray(paper).save(png := io.BytesIO(), "PNG")
    assert page.evaluate(DROP, ["#stage", list(png.getvalue())]) == [False, False]
    until(lambda: state(page, "drawn"))
    assert page.is_visible("#pad")
    expected = encode_means(digits_run.model, np.float32(16 * ink[None, None]))[0]
    np.testing.assert_allclose(state(page, "drawn"), expected, atol=0.02)  # rounded pixels


def test_a_link_shows_what_was_seen(browser, page, address):
    page.select_option("#color", "cluster")
    page.check("#show-contours")
    page.click("[data-tool=box]")
    drag(page, (0.4, 0.4), (0.6, 0.6))
    until(lambda: state(page, "selected"))
    page.mouse.wheel(0, -300)
    selected = state(page, "selected")
    until(lambda: "selected=" in (link := page.evaluate("location.href")) and "tab=selection" in link)
    time.sleep(0.5)  # the address follows a quarter of a second after the last change
    link = page.evaluate("location.href")
    with opened(browser, link, [], []) as other:
        assert state(other, "selected") == selected
        assert other.is_visible("#gallery")
        assert other.input_value("#color") == "cluster"
        assert other.is_checked("#show-contours")
        seen = []
        for each in (page, other):
            each.mouse.move(0, 0)  # or the row beneath would be marked
            frames(each)
            shown = Image.open(io.BytesIO(each.locator("#stage").screenshot()))
            seen.append(np.asarray(shown.convert("RGB"), float))
        assert np.abs(seen[0] - seen[1]).mean() < 1  # of 255: the address rounds what it keeps to six digits


def test_contours_of_the_prior_are_there_on_all_axes(browser, random_run):
    run = random_run(Spec((1, 7, 5), (IMAGE,), "uint8"), latent_dim=4)
    x = np.random.default_rng(0).integers(0, 256, (40, 1, 7, 5), np.uint8)
    with (
        serving(prepare(run, enfold.load(x))) as address,
        opened(browser, address, [], []) as page,
    ):
        page.uncheck("#show-points")
        for choose in (lambda: page.select_option("#axis-x", "3"), lambda: page.check("#axes-pca")):
            choose()
            for _ in range(10):
                page.click("#zoom-out")  # a model that is not fitted has all rows in the middle of its prior
            frames(page)
            before = page.locator("#above").evaluate(INK)
            page.check("#show-contours")
            until(lambda before=before: page.locator("#above").evaluate(INK) > before + 300)
            page.uncheck("#show-contours")


def test_what_is_drawn_by_hand_is_encoded(page, digits_run):
    page.click("#tab-draw")
    box = page.locator("#pad").bounding_box()
    for x, y in ((0.5, 0.1), (0.5, 0.9), (0.55, 0.5)):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=5)
        if y == 0.1:
            page.mouse.down()
    page.mouse.up()
    decoded(page)
    pixels = page.locator("#pad").evaluate(PIXELS)
    x = np.array(pixels, np.float32).reshape(-1, 4)[:, 0].reshape(1, 1, 8, 8) * (16 / 255)
    assert 0 < (x > 8).mean() < 0.5
    np.testing.assert_allclose(
        state(page, "drawn"), encode_means(digits_run.model, x)[0], atol=0.05
    )  # rounded pixels


IMAGE = Column("pixel", "intensity", scale=255.0)
OTHERS = {
    "a table without a prior": (
        Spec((4,), tuple(Column(f"column {i}", "real", 10.0 * i, 0.1) for i in range(4))),
        {"objective": "autoencoder", "latent_dim": 5},
    ),
    "conditional FSQ in color": (
        Spec((3, 8, 6), (IMAGE,), "uint8", ("cat", "dog"), conditions=(0.0, 1.0)),
        {"condition": "label", "posterior": "fsq", "latent_dim": 3},
    ),
    "one dimension": (Spec((1, 7, 5), (IMAGE,), "uint8"), {"latent_dim": 1, "likelihood": "normal"}),
}


@pytest.mark.parametrize("name", OTHERS)
def test_every_kind_of_run_is_shown_and_decoded(name, browser, random_run):
    spec, settings = OTHERS[name]
    run, random = random_run(spec, **settings), np.random.default_rng(0)
    x = (spec.offset + spec.scale * random.random((40, *spec.shape))).astype(spec.dtype)
    labels = random.choice(["cat", "dog"], 40) if spec.classes else random.normal(size=40)
    with serving(prepare(run, enfold.load(x, labels=labels))) as address:
        complaints = []
        with opened(browser, address, complaints, []) as page:
            drag(page, (0.5, 0.5), (0.4, 0.45))
            z, _ = decoded(page)
            values, condition = np.array(state(page, "values")), torch.tensor([state(page, "condition")])
        condition = condition if spec.conditions else None
        expected = decode_means(run.model, z[None], condition)[0]
        np.testing.assert_allclose((values.reshape(spec.shape) - expected) / spec.scale, 0, atol=1e-4)
    assert [each for each in complaints if DRIVER not in each] == []


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


def test_not_even_a_script_in_the_page_can_send_anything(browser, address, elsewhere):
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
