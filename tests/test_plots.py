import io
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

import enfold
from enfold import plots
from enfold.latent import Manifold
from enfold.plots.style import ACCENT, INK, QUALITATIVE, UNLABELED
from enfold.spec import Column, Spec

GRAY = Spec((1, 4, 4), (Column("pixel", "intensity", scale=255.0),), "uint8")
SIXTEEN = replace(GRAY, shape=(1, 16, 16))
COLOR = Spec((3, 4, 5), (Column("pixel", "intensity", scale=1.0),))
TABLE = Spec((3,), tuple(Column(f"c{i}", "real", offset=i, scale=2.0) for i in range(3)))
WIDE = Spec((50,), tuple(Column(f"c{i}", "real") for i in range(50)))


def draws(shape, spec, seed=0):
    """Raw examples: uniform intensities, or normal values with the columns' offsets and scales."""
    random = np.random.default_rng(seed)
    if spec.kind == "intensity":
        return (random.uniform(size=(*shape, *spec.shape)) * spec.scale).astype(spec.dtype)
    return (random.normal(size=(*shape, *spec.shape)) * spec.scale + spec.offset).astype(np.float32)


def names_of(figure):
    """The names on a map, and the colors beneath them."""
    return {text.get_text(): to_rgb(text.get_bbox_patch().get_facecolor()) for text in figure.axes[0].texts}


def seen(figure):
    """The pixels of the figure's file on white, after drawing all of it."""
    picture = Image.open(io.BytesIO(plots.png(figure)))
    return np.asarray(Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB"))


def contrast(one, other):
    """Of two colors, 1 to 21, as WCAG 2 has it."""
    values = [np.array(to_rgb(each)) for each in (one, other)]
    linear = [np.where(each <= 0.04045, each / 12.92, ((each + 0.055) / 1.055) ** 2.4) for each in values]
    high, low = sorted((float(each @ [0.2126, 0.7152, 0.0722]) for each in linear), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("ground", ["#ffffff", "#131519"], ids=["light", "dark"])
def test_a_picture_can_be_read_on_both_grounds(ground):
    """It has none of its own, its ink stands out from both, and so does each class."""
    figure = plots.latent_map(np.eye(10)[:, :2], np.arange(10.0), GRAY, (0, 1))
    corner = np.asarray(Image.open(io.BytesIO(plots.png(figure))))[0, 0]
    assert corner[3] == 0
    assert min(contrast(each, ground) for each in (INK, ACCENT)) > 4
    assert min(contrast(each, ground) for each in QUALITATIVE) > 1.6
    for text in figure.axes[0].texts:
        assert contrast(text.get_color(), text.get_bbox_patch().get_facecolor()) > 3


def test_a_sheet_holds_the_pixels_as_they_are_row_by_row():
    x = draws((5,), GRAY)
    sheet = plots.sheet(x, GRAY, columns=3)
    assert sheet.shape == (2 * 4 + 1, 3 * 4 + 2)
    np.testing.assert_array_equal(sheet[:4, 5:9], x[1, 0])
    np.testing.assert_array_equal(sheet[5:, :4], x[3, 0])


def test_a_sheet_stretches_the_known_range_to_the_screen_and_no_further():
    sixteenths = replace(GRAY, columns=(Column("pixel", "intensity", scale=16.0),))
    x = np.full((1, 1, 4, 4), 16, np.uint8)
    assert plots.sheet(x, sixteenths).min() == 255
    assert plots.sheet(x // 2, sixteenths).max() == 128
    beyond = np.array([-1.0, 17.0]).repeat(8).reshape(1, 1, 4, 4)
    assert set(plots.sheet(beyond, sixteenths).ravel()) == {0, 255}


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_color_stays_color_and_of_other_channels_the_first_are_shown(channels):
    spec = replace(COLOR, shape=(channels, 4, 5))
    x = draws((4,), spec)
    sheet = plots.sheet(x, spec, gap=0)
    tile = np.rint(x[0].transpose(1, 2, 0) * 255)
    np.testing.assert_array_equal(sheet[:4, :5], tile[..., 0] if channels == 2 else tile[..., :3])


def test_the_manifold_lies_as_the_map_does():
    """Each tile has a brightness of its own, so every place in the mosaic can be told."""
    x = np.zeros((3, 3, 1, 16, 16), np.uint8) + np.arange(9).reshape(3, 3, 1, 1, 1).astype(np.uint8) * 20
    steps = np.array([-1.0, 0.0, 1.0])
    (axes,) = plots.manifold(Manifold(x, steps, steps - 5, (0, 1)), SIXTEEN).axes
    mosaic = axes.images[0].get_array()
    assert mosaic.shape == (48, 48, 4)
    np.testing.assert_array_equal(mosaic[8::16, 8::16, 0], np.arange(9).reshape(3, 3)[::-1] * 20)
    assert axes.yaxis_inverted()
    assert axes.get_yticks()[0] == 7.5
    assert [text.get_text() for text in axes.get_yticklabels()] == ["−4.00", "−5.00", "−6.00"]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["−1.00", "0.00", "1.00"]


def test_a_manifold_downwards_has_row_0_on_top():
    x = np.zeros((2, 2, 1, 16, 16), np.uint8)
    x[0] = 255
    grid = Manifold(x, np.arange(2.0), np.arange(2.0), (0, 1))
    for upward, above, below in ((True, 0, 255), (False, 255, 0)):
        picture = seen(plots.manifold(grid, SIXTEEN, upward=upward))
        height, width = picture.shape[:2]
        assert (picture[height // 4, width // 4 : width // 2] == above).all()
        assert (picture[height * 3 // 4, width // 4 : width // 2] == below).all()


def test_tiny_images_of_a_manifold_are_kept_apart():
    x = np.zeros((2, 3, 1, 4, 4), np.uint8)
    (axes,) = plots.manifold(Manifold(x, np.arange(3.0), np.arange(2.0), (0, 1)), GRAY).axes
    mosaic = axes.images[0].get_array()
    assert mosaic.shape == (9, 14, 4)
    assert (mosaic[4, :, 3] == 0).all()  # the page is seen between them
    assert (mosaic[:4, :4, 3] == 255).all()
    assert axes.get_xticks().tolist() == [1.5, 6.5, 11.5]
    assert axes.get_yticks().tolist() == [1.5, 6.5]


def test_one_latent_axis_gives_one_row():
    x = draws((1, 20), GRAY)
    (axes,) = plots.manifold(Manifold(x, np.linspace(-2, 2, 20), np.zeros(1), (0,)), GRAY).axes
    assert axes.images[0].get_array().shape == (4, 20 * 5 - 1, 4)
    assert len(axes.get_yticks()) == 0


@pytest.mark.parametrize(("spec", "panels"), [(TABLE, 3), (WIDE, 8)])
@pytest.mark.parametrize("rows", [1, 5])
def test_a_tables_manifold_has_a_panel_for_each_of_its_first_columns(spec, panels, rows):
    grid = Manifold(draws((rows, 5), spec), np.arange(5.0), np.arange(float(rows)), (0, 1)[: 1 + (rows > 1)])
    titles = [axes.get_title(loc="left") for axes in plots.manifold(grid, spec).axes]
    assert [title for title in titles if title] == [f"c{i}" for i in range(panels)]


def test_panels_of_one_plane_say_its_values_at_the_left_and_at_the_bottom_alone():
    """Of six columns four are in the upper row, of which two have nothing below them."""
    six, steps = replace(WIDE, shape=(6,), columns=WIDE.columns[:6]), np.linspace(-2, 2, 5)
    drawing = plots.manifold(Manifold(draws((5, 5), six), steps, steps, (0, 1)), six)
    drawing.draw_without_rendering()
    panels = drawing.axes[:6]
    assert [bool(each.get_xticklabels()) for each in panels] == [False, False, True, True, True, True]
    assert [bool(each.get_yticklabels()) for each in panels] == [True, False, False, False, True, False]


def test_every_class_has_its_name_on_the_map_and_missing_labels_are_gray():
    labels = np.repeat([0.0, 1.0, 2.0, np.nan], 10)
    spec = replace(GRAY, classes=("cat", "dog", "owl"))
    figure = plots.latent_map(draws((40,), WIDE)[:, :2], labels, spec, (0, 1))
    expected = dict(zip(["cat", "dog", "owl"], map(to_rgb, QUALITATIVE), strict=False))
    assert names_of(figure) == expected
    assert not figure.legends  # which would repeat the names
    gray, classes, *_ = figure.axes[0].collections
    assert len(gray.get_offsets()) == 10
    assert to_rgb(gray.get_facecolor()[0]) == to_rgb(UNLABELED)
    assert len(classes.get_offsets()) == 30


def test_each_point_has_its_classs_color():
    labels = np.array([3.0, 7.0, 3.0, 9.0])
    points = plots.latent_map(np.eye(4)[:, :2], labels, GRAY, (0, 1)).axes[0].collections[0]
    expected = [to_rgb(QUALITATIVE[i]) for i in (0, 1, 0, 2)]
    np.testing.assert_allclose(points.get_facecolor()[:, :3], expected)


def test_twenty_classes_have_a_legend_and_differ_in_color_or_mark():
    figure = plots.latent_map(draws((60,), WIDE)[:, :2], np.arange(60.0) % 20, GRAY, (0, 1))
    looks = {(line.get_color(), line.get_marker()) for line in figure.legends[0].get_lines()}
    assert len(looks) == 20
    assert not figure.axes[0].texts


def test_added_training_rows_are_smaller_and_lighter():
    faded = np.arange(40) >= 10
    figure = plots.latent_map(draws((40,), WIDE)[:, :2], np.zeros(40), GRAY, (0, 1), faded)
    (points,) = figure.axes[0].collections
    for values in (points.get_sizes(), points.get_alpha()):
        assert len(set(values[~faded])) == len(set(values[faded])) == 1
        assert values[faded][0] < values[~faded][0]


def test_the_name_of_a_class_in_two_parts_lies_in_the_larger_one():
    """Their median and the point nearest to it lie between the two."""
    random = np.random.default_rng(0)
    parts = [random.normal(place, 0.3, (n, 2)) for place, n in (([0, 0], 240), ([3, 0], 200), ([1.5, 0], 3))]
    (name,) = plots.latent_map(np.concatenate(parts), np.zeros(443), GRAY, (0, 1)).axes[0].texts
    assert np.hypot(*name.get_position()) < 0.3


def test_a_name_lies_on_its_class_even_if_the_median_does_not():
    angles = np.linspace(0, np.pi, 51)
    arc = np.stack([np.cos(angles), np.sin(angles)], 1)
    (name,) = plots.latent_map(arc, np.zeros(51), GRAY, (0, 1)).axes[0].texts
    assert np.hypot(*name.get_position()) == pytest.approx(1)


def test_names_of_classes_in_one_place_can_all_be_read():
    means = np.random.default_rng(0).normal(size=(500, 2))
    names = plots.latent_map(means, np.arange(500.0) % 10, GRAY, (0, 1)).axes[0].texts
    places = np.array([name.get_position() for name in names])
    distances = np.linalg.norm(places[:, None] - places[None], axis=-1) + 9 * np.eye(10)
    assert distances.min() >= 0.05 * np.ptp(means, axis=0).max() - 1e-9


def test_numbers_as_labels_get_a_color_bar_and_no_legend():
    labels = np.linspace(0, 1, 40)
    figure = plots.latent_map(draws((40,), WIDE)[:, :2], labels, replace(GRAY, label="age"), (0, 1))
    assert not figure.legends
    assert [axes.get_ylabel() for axes in figure.axes] == ["z1", "age"]


def test_the_axes_say_which_latent_dimensions_are_shown():
    figure = plots.latent_map(draws((9,), WIDE)[:, :8], np.zeros(9), GRAY, (2, 5))
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("z2", "z5")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.arange(40.0) % 3, ["0", "1", "2"]),
        (np.where(np.arange(40) % 2, np.nan, 4.0), ["4", "no label"]),
    ],
)
def test_along_one_latent_axis_each_class_has_a_strip(labels, expected):
    (axes,) = plots.latent_map(draws((40,), WIDE)[:, :1], labels, GRAY, (0,)).axes
    assert [text.get_text() for text in axes.get_yticklabels()] == expected
    for points in axes.collections:
        strips = np.rint(np.asarray(points.get_offsets())[:, 1])
        assert set(strips) <= set(range(len(expected)))


@pytest.mark.parametrize("labels", [np.full(30, np.nan), np.linspace(0, 1, 30)], ids=["none", "numbers"])
@pytest.mark.parametrize("dim", [1, 2])
def test_maps_without_classes_can_be_drawn(labels, dim):
    figure = plots.latent_map(draws((30,), WIDE)[:, :dim], labels, GRAY, tuple(range(dim)))
    assert not figure.legends
    assert seen(figure).min() < 255


def test_points_shrink_as_they_grow_in_number():
    sizes = []
    for n in (20, 5_000, 70_000):
        means = np.random.default_rng(0).normal(size=(n, 2))
        (points, *_) = plots.latent_map(means, np.zeros(n), GRAY, (0, 1)).axes[0].collections
        sizes.append(float(points.get_sizes()[0]))
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] < 100
    assert sizes[-1] >= 2


def test_any_class_name_can_be_drawn():
    names = ("$5", r"$\frac{$", "_hidden", "two\nlines", "猫", "x" * 300, "<b>", "")
    spec, labels = replace(GRAY, classes=names), np.append(np.arange(float(len(names))), np.nan)
    plane = plots.latent_map(np.eye(9)[:, :2], labels, spec, (0, 1))
    assert list(names_of(plane))[:4] == ["$5", r"$\frac{$", "_hidden", "two lines"]
    assert len(names_of(plane)) == 8
    line = plots.latent_map(np.eye(9)[:, :1], labels, spec, (0,))
    columns = tuple(Column(name, "real") for name in names)
    table = Spec((len(names),), columns)
    grid = Manifold(draws((2, 2), table), np.arange(2.0), np.arange(2.0), (0, 1))
    samples = plots.samples(draws((9,), GRAY), labels, spec)
    for figure in (plane, line, samples, plots.manifold(grid, table)):
        assert seen(figure).size


def test_distances_have_their_legend_beside_the_histograms():
    """Looking for the best place inside takes Matplotlib long, of which it warns where that is more than a second."""
    rows = np.linspace(1, 9, 100)
    drawing = plots.copies(rows, rows + 1, 2.0, None, GRAY)
    (legend,), (axes,) = drawing.legends, drawing.axes
    assert [text.get_text() for text in legend.get_texts()] == [
        "held-out rows",
        "generated rows",
        "up to here: a near copy",
    ]
    assert not legend.get_window_extent().overlaps(axes.get_window_extent())


def test_curves_hold_the_history_and_leave_out_what_is_absent():
    full = {
        "epoch": 1,
        "train_distortion": 3.0,
        "train_rate": 1.0,
        "held_out_distortion": 4.0,
        "held_out_rate": 2.0,
    }
    left, right = plots.curves([full, {**full, "epoch": 2, "held_out_rate": 5.0}]).axes
    assert [list(line.get_ydata()) for line in left.lines] == [[3, 3], [4, 4]]
    assert [list(line.get_ydata()) for line in right.lines] == [[1, 1], [2, 5]]
    left, _ = plots.curves([{"epoch": 1, "train_distortion": 3.0, "train_rate": 1.0}]).axes
    assert [line.get_label() for line in left.lines] == ["training"]


def test_curves_show_every_penalty_of_lists_frames_and_estimators(digits):
    epochs = [
        {"epoch": i, "seconds": 1.0, "train_loss": 9.0, "train_rate": 2.0, "held_out_mmd": 4.0 + i, "train_mmd": 3.0}
        for i in (1, 2)
    ]
    for history in (epochs, pl.DataFrame(epochs)):
        rate, mmd = plots.curves(history).axes
        assert rate.get_title(loc="left").startswith("rate")
        assert mmd.get_title(loc="left").startswith("mmd")
        lines = {line.get_label(): list(line.get_ydata()) for line in mmd.lines}
        assert lines == {"training": [3, 3], "held out": [5, 6]}
    vae = enfold.VAE(epochs=2, random_state=0, device="cpu").fit(digits.x[:100])
    distortion, _ = plots.curves(vae.history_).axes
    assert list(distortion.lines[0].get_ydata()) == [each["train_distortion"] for each in vae.history_]


def test_a_rate_that_is_always_0_has_no_panel():
    (axes,) = plots.curves([{"train_distortion": 3.0, "train_rate": 0.0}] * 2).axes
    assert axes.get_title(loc="left").startswith("distortion")


def test_a_curve_with_a_value_far_above_the_others_still_shows_them():
    rates = [1e7, 8.0, 7.0, 9.0]
    rest = {"train_distortion": 3.0, "held_out_rate": 6.0}
    history = [{"epoch": i, "train_rate": rate, **rest} for i, rate in enumerate(rates, 1)]
    axes = plots.curves(history).axes[1]
    low, high = axes.get_ylim()
    assert 5 < low < 6
    assert 9 < high < 10
    assert axes.get_title(loc="left") == "rate, nats (up to 10,000,000)"
    rising = [{"epoch": i, "train_rate": float(i > 18), "train_distortion": 3.0} for i in range(20)]
    axes = plots.curves(rising).axes[1]
    assert axes.get_ylim()[1] > 1
    assert axes.get_title(loc="left") == "rate, nats"


def test_a_single_epoch_is_a_visible_mark_and_300_are_a_line():
    history = [{"epoch": i, "train_distortion": 3.0, "train_rate": 1.0} for i in range(1, 301)]
    one, many = plots.curves(history[:1]).axes[0].lines[0], plots.curves(history).axes[0].lines[0]
    assert one.get_marker() == "o"
    assert many.get_marker() in ("", "None")
    low, high = one.axes.get_xlim()
    assert [tick for tick in one.axes.get_xticks() if low <= tick <= high] == [1]


@pytest.mark.parametrize(("n", "columns"), [(4, 2), (17, 16), (1, 2)])
def test_samples_stand_in_rows_over_their_labels(n, columns):
    labels = np.arange(float(n))
    labels[-1] = np.nan
    (axes,) = plots.samples(draws((n,), GRAY), labels, GRAY).axes
    lefts = {round(image.get_extent()[0], 3) for image in axes.images}
    assert len(axes.images) == n
    assert len(lefts) == min(n, columns)
    assert [text.get_text() for text in axes.texts] == [*map(str, range(n - 1)), "no label" if n > 1 else ""]
    np.testing.assert_array_equal(axes.images[0].get_array()[..., 0], draws((n,), GRAY)[0, 0])


def test_the_differences_colors_are_symmetric_about_zero():
    x, x_hat = draws((20,), GRAY), draws((20,), GRAY, seed=1)
    top, middle, bottom, _ = plots.reconstructions(x, x_hat, GRAY).axes
    np.testing.assert_array_equal(top.images[0].get_array()[:, :4, 0], x[0, 0])
    np.testing.assert_array_equal(middle.images[0].get_array()[:, :4, 0], x_hat[0, 0])
    difference = bottom.images[0]
    low, high = difference.get_clim()
    assert low == -high
    expected = (x_hat[0, 0].astype(float) - x[0, 0]) / 255
    np.testing.assert_allclose(difference.get_array()[:, :4], expected, atol=1e-6)


def test_what_the_encoder_was_given_instead_is_the_first_row():
    x, noisy = draws((20,), GRAY), draws((20,), GRAY, seed=1)
    first, second, *_ = plots.reconstructions(x, x, GRAY, noisy=noisy.astype(np.float32)).axes
    np.testing.assert_array_equal(first.images[0].get_array()[:, :4, 0], noisy[0, 0])
    np.testing.assert_array_equal(second.images[0].get_array()[:, :4, 0], x[0, 0])
    assert first.get_ylabel() == "noisy"


def test_samples_of_classes_have_a_row_each_with_the_classs_name_in_its_middle():
    x = draws((6,), GRAY)
    (axes,) = plots.generated(x, GRAY, ["cat", "dog"]).axes
    canvas = axes.images[0].get_array()
    assert canvas.shape == (2 * 4 + 1, 3 * 4 + 2, 4)
    np.testing.assert_array_equal(canvas[5:, :4, 0], x[3, 0])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["cat", "dog"]
    assert list(axes.get_yticks()) == [1.5, 6.5]
    rows = plots.generated(draws((6,), TABLE), TABLE, ["cat", "dog"]).axes[0]
    assert [text.get_text() for text in rows.get_yticklabels()] == ["cat"] * 3 + ["dog"] * 3


def test_examples_that_share_a_place_lie_side_by_side_around_it():
    """300 examples on four codes, equal up to rounding: no two in one place, and none nearer to another code."""
    codes = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], np.float32)
    which = np.arange(300) % 4
    means = codes[which] + np.random.default_rng(0).normal(scale=1e-8, size=(300, 2)).astype(np.float32)
    (points, *_) = plots.latent_map(means, which.astype(float), GRAY, (0, 1)).axes[0].collections
    places = np.asarray(points.get_offsets())
    assert len(np.unique(places.round(3), axis=0)) == 300
    nearest = np.square(places[:, None] - codes).sum(-1).argmin(1)
    np.testing.assert_array_equal(nearest, which)


def test_a_tables_reconstructions_lie_on_the_line_if_they_are_perfect():
    x = draws((30,), TABLE)
    figure = plots.reconstructions(x, x, TABLE)
    for panel in figure.axes:
        points = np.asarray(panel.collections[0].get_offsets())
        np.testing.assert_array_equal(points[:, 0], points[:, 1])
        assert panel.get_xlim() == panel.get_ylim()


def test_a_tables_samples_are_in_standardized_units():
    x = np.array([[0.0, 1.0, 2.0], [2.0, 3.0, 4.0]])
    values = plots.generated(x, TABLE).axes[0].images[0].get_array()
    np.testing.assert_allclose(values, [[0, 0, 0], [1, 1, 1]])


@pytest.mark.parametrize("spec", [GRAY, COLOR, TABLE, WIDE], ids=["gray", "color", "table", "wide table"])
def test_every_kind_of_data_can_be_drawn(spec):
    x = draws((20,), spec)
    for figure in (
        plots.samples(x, np.zeros(20), spec),
        plots.reconstructions(x, x, spec),
        plots.reconstructions(x[:1], x[:1], spec),
        plots.generated(x, spec),
    ):
        assert isinstance(figure, Figure)
        assert seen(figure).min() < 255


def test_the_same_figure_gives_the_same_file_and_leaves_no_trace_in_matplotlib():
    import matplotlib

    before = dict(matplotlib.rcParams)
    first, second = (plots.png(plots.generated(draws((4,), GRAY), GRAY)) for _ in range(2))
    assert first == second
    assert dict(matplotlib.rcParams) == before


def test_digits_are_drawn_as_they_lie_in_the_data():
    data = enfold.load("digits")[np.arange(4)]
    sheet = plots.sheet(data.x, data.spec, gap=0)
    np.testing.assert_array_equal(sheet[:8, :8], np.rint(data.x[0, 0] * (255 / 16)))
