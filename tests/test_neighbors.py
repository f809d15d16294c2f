"""The neighbor graph is UMAP's, partners are drawn with its weights, and training with it is resumed exactly."""

import numpy as np
import pytest
import torch

import enfold
from enfold import InputError, build, training
from enfold.batches import Source
from enfold.checkpoints import load_checkpoint, save_checkpoint
from enfold.neighbors import _weights, neighbor_graph
from enfold.objectives.neighbors import neighbor_loss
from enfold.spec import Column, Spec
from enfold.state import State

LINE = Spec((1,), (Column("value", "real"),))


class Spread(torch.nn.Module):
    """Latent means that are the examples themselves."""

    def forward(self, x):
        return torch.distributions.Normal(x, torch.ones_like(x))


def dense(graph, n):
    """The graph's weights as a matrix."""
    found, each = np.zeros((n, n)), np.diff(graph.sums, prepend=0.0)
    for row in range(n):
        edges = slice(graph.starts[row], graph.starts[row + 1])
        found[row, graph.ends[edges]] = each[edges]
    return found


@pytest.mark.parametrize("k", [3, 5, 15])
def test_weights_of_a_row_sum_to_the_logarithm_of_its_neighbors(k):
    """Also of distances of very different size; bisection to float64's last digits."""
    distances = np.sort(np.random.default_rng(0).exponential(size=(50, k)), 1) * np.logspace(-4, 4, 50)[:, None]
    weights = _weights(distances)
    np.testing.assert_allclose(weights.sum(1), np.log2(k), rtol=1e-9)
    np.testing.assert_array_equal(weights[:, 0], 1.0)
    assert (np.diff(weights, axis=1) <= 0).all()


def test_rows_that_are_equally_far_all_count_fully():
    np.testing.assert_array_equal(_weights(np.full((2, 4), 3.0)), 1.0)
    np.testing.assert_array_equal(_weights(np.zeros((2, 4))), 1.0)


def test_a_small_graph_is_what_one_computes_by_hand():
    """Points on a line at 0, 1, 3, 7 with three neighbors each, and so all others.

    A row's weights are 1, exp(−a / σ), exp(−b / σ) of the distances beyond the nearest, with the sum log₂ 3; either
    row's say joins two: w + w′ − w w′.
    """
    points = np.array([0.0, 1.0, 3.0, 7.0])
    one = np.zeros((4, 4))
    for row in range(4):
        others = np.argsort(np.abs(points - points[row]), kind="stable")[1:]
        beyond = np.abs(points - points[row])[others]
        beyond = beyond - beyond[0]
        sigmas = np.logspace(-3, 3, 2_000_001)
        sums = np.exp(-beyond[1] / sigmas) + np.exp(-beyond[2] / sigmas)
        one[row, others] = np.exp(-beyond / sigmas[np.searchsorted(sums, np.log2(3) - 1)])
    graph = neighbor_graph(points[:, None].astype(np.float32), LINE, 3)
    np.testing.assert_allclose(dense(graph, 4), one + one.T - one * one.T, atol=1e-5)  # the step between sigmas


def test_partners_are_drawn_with_the_weights_of_the_edges():
    """40,000 draws for each of 6 rows: within 5 standard errors of each edge's share."""
    x = np.random.default_rng(0).normal(size=(6, 1)).astype(np.float32)
    graph = neighbor_graph(x, LINE, 3)
    rows = torch.arange(6).repeat(40_000)
    partners = graph.partners(rows, seed=0).view(-1, 6)
    weights = dense(graph, 6)
    shares = weights / weights.sum(1, keepdims=True)
    for row in range(6):
        found = np.bincount(partners[:, row].numpy(), minlength=6) / 40_000
        assert (np.abs(found - shares[row]) <= 5 * np.sqrt(shares[row] / 40_000)).all()


def test_partners_are_the_same_for_the_same_seed(digits):
    graph = neighbor_graph(digits.x[:200], digits.spec, 5)
    rows = torch.randperm(200)
    assert torch.equal(graph.partners(rows, 3), graph.partners(rows, 3))
    assert not torch.equal(graph.partners(rows, 3), graph.partners(rows, 4))
    assert (graph.partners(rows, 3) != rows).all()


def test_batches_have_a_neighbor_of_each_row(digits):
    """Also the last, shorter one; each pair is one of the graph's edges."""
    config = enfold.Config.of(n_neighbors=5)
    source = Source.of(digits.x[:150], digits.spec, config)
    order = source.order(torch.randperm(150), seed=1)
    edges = dense(source.graph, 150) > 0
    assert all(edges[row, near] for row, near in order.tolist())
    batches = list(source.batches(order, 64))
    assert [len(batch) for batch in batches] == [64, 64, 22]
    for batch, step in zip(batches, order.split(64), strict=True):
        np.testing.assert_array_equal(batch.x, digits.x[step[:, 0]])
        np.testing.assert_array_equal(batch.near, digits.x[step[:, 1]])


def test_equal_rows_are_equally_near():
    """Also with so many columns that principal components are taken, of which there are none."""
    spec = Spec((60,), tuple(Column(f"{i}", "real") for i in range(60)))
    weights = dense(neighbor_graph(np.full((70, 60), 7, np.float32), spec, 5), 70)
    assert set(weights[weights > 1e-9].round(9)) == {1.0}


def test_a_graph_needs_enough_rows():
    with pytest.raises(InputError, match="n_neighbors=0"):
        neighbor_graph(np.zeros((5, 1), np.float32), LINE, 5)


def test_near_points_are_near_in_half_precision_too(digits):
    """Squared distances are differences of large numbers, of which bfloat16 would leave nothing."""
    model = build.autoencoder(enfold.Config(), digits.spec)
    model.encoder = Spread()
    points = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
    near = points + 0.01
    exact = neighbor_loss(model, points, near)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(neighbor_loss(model, points, near), exact)


def test_an_interrupted_training_with_neighbors_goes_on_to_the_same_weights(tmp_path, digits, monkeypatch):
    """Interrupted in the midst of the second of three epochs, and gone on with from the checkpoint."""
    config = enfold.Config.of(width=8, depth=1, epochs=3, n_neighbors=5, batch_size=64, binarize="dynamic")
    x = digits.x[:300]

    monkeypatch.setattr(training, "SECONDS_BETWEEN_REPORTS", 0.0)  # so that every step is reported

    def trained(stop=None, begin=lambda state: None):
        state = State(build.autoencoder(config, digits.spec), config)
        begin(state)
        for progress in enfold.train(state.model, x, config, state=state):
            if progress.step == stop:
                save_checkpoint(tmp_path, state, list)
                break
        return state.model.state_dict()

    whole = trained()
    trained(stop=7)
    again = trained(begin=lambda state: load_checkpoint(tmp_path, state))
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_the_map_keeps_more_neighbors_with_them(digits):
    """The share of edges among each row's ten nearest on the map: half as many again as without, at the least."""
    x = digits.x[:400]
    edges, kept = dense(neighbor_graph(x, digits.spec, 10), 400) > 0, []
    for neighbors in (0, 10):
        config = enfold.Config.of(width=32, depth=1, epochs=30, n_neighbors=neighbors, precision="float32")
        model = build.autoencoder(config, digits.spec)
        for _ in enfold.train(model, x, config):
            pass
        with torch.no_grad():
            z = model.encode(x).mean
        nearest = torch.cdist(z, z).argsort(1)[:, 1:11].numpy()
        kept.append(np.take_along_axis(edges, nearest, 1).mean())
    assert kept[1] > 1.5 * kept[0]
