import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from enfold import Config, InputError, build, train
from enfold.data.arrays import from_array
from enfold.devices import autocast_dtype
from enfold.inference import decode_means, encode_means
from enfold.metrics import evaluate
from enfold.metrics.embedding import knn_accuracy
from enfold.metrics.information import active_units
from enfold.metrics.likelihood import bound_of_rows, log_likelihood_bounds
from enfold.metrics.reconstruction import reconstruction_mse
from enfold.objectives import Learner, Losses, terms_of_rows
from enfold.state import State
from enfold.training import epochs_for

QUICK = Config.of(width=64, depth=1, epochs=3, batch_size=100)


def fitted(data, config, disturb=False):
    model = build.autoencoder(config, data.spec)
    for _ in train(model, data.x, config):
        if disturb:
            torch.manual_seed(np.random.default_rng().integers(2**31))
            torch.rand(3)
    return model


def mean_losses(model, objective, x):
    return Losses.of({name: float(each.mean()) for name, each in terms_of_rows(model, objective, x).items()})


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_the_same_seed_gives_the_same_weights_whatever_happens_between(digits):
    assert same(fitted(digits, QUICK), fitted(digits, QUICK, disturb=True))


def test_another_seed_gives_other_weights(digits):
    assert not same(fitted(digits, QUICK), fitted(digits, QUICK.with_settings({"seed": 1})))


def test_training_leaves_the_callers_random_state_alone(digits):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    fitted(digits, QUICK)
    assert torch.equal(torch.rand(3), expected)


def test_progress_counts_every_step_and_ends_every_epoch(digits):
    model = build.autoencoder(QUICK, digits.spec)
    items = list(train(model, digits.x, QUICK, held_out=digits.x[:100]))
    ends = [item for item in items if item.ends_epoch]
    assert [end.epoch for end in ends] == [1, 2, 3]
    assert [end.step for end in ends] == [18, 36, 54]
    assert ends[-1].step == ends[-1].steps
    assert all(end.held_out is not None for end in ends)
    assert ends[-1].held_out.loss < ends[0].held_out.loss


def test_the_map_learns_the_classes_without_seeing_them(digits):
    """5-NN accuracy in two dimensions: near chance for random weights' loss of detail, well above after training."""
    config = Config.of(epochs=60, width=128)
    seen, unseen = digits[:1400], digits[1400:]
    before = evaluate(build.autoencoder(config, digits.spec), config, unseen, seen)
    after = evaluate(fitted(seen, config), config, unseen, seen)
    assert after["knn_accuracy"] > before["knn_accuracy"] + 0.1
    assert after["negative_elbo"] < before["negative_elbo"] - 5


def test_the_losses_are_means_over_rows(digits):
    model = fitted(digits, QUICK)
    with torch.inference_mode(), torch.random.fork_rng():
        torch.manual_seed(0)
        terms = QUICK.objective.build()(model, torch.from_numpy(digits.x[:50]))
    losses = mean_losses(model, QUICK.objective.build(), digits.x[:50])
    assert losses.rate == pytest.approx(terms.rate.mean().item(), rel=1e-5)
    assert losses.distortion == pytest.approx(terms.distortion.mean().item(), rel=1e-5)
    assert losses.loss == pytest.approx(losses.distortion + losses.rate, rel=1e-5)


def test_beta_weighs_the_rate(digits):
    tasks = [build.task(QUICK.with_settings({"beta": beta}), digits.spec) for beta in (1.0, 4.0)]
    model = fitted(digits, QUICK)
    a, b = (mean_losses(model, lambda view, x, t=task: Learner(view.model, t)(x), digits.x[:50]) for task in tasks)
    assert b.loss - a.loss == pytest.approx(3 * a.rate, rel=1e-4)


def test_a_single_step_trains(digits):
    """The warm-up begins above zero, so that even one step moves every layer."""
    config = QUICK.with_settings({"epochs": 1, "batch_size": 2000})
    before, after = build.autoencoder(config, digits.spec), fitted(digits, config)
    assert not any(torch.equal(x, y) for x, y in zip(before.parameters(), after.parameters(), strict=True))


def test_a_large_beta_empties_the_latent_space(digits):
    """With β far above one, telling nothing is cheapest: the rate goes to zero."""
    model = fitted(digits, QUICK.with_settings({"beta": 1000.0, "epochs": 20}))
    assert mean_losses(model, QUICK.objective.build(), digits.x).rate < 0.05
    assert active_units(encode_means(model, digits.x)) == 0


def test_a_plain_autoencoder_is_not_credited_with_a_bound(digits):
    config = QUICK.with_settings({"objective": "autoencoder"})
    metrics = evaluate(fitted(digits, config), config, digits[:50], digits)
    assert metrics["negative_elbo"] is None
    assert metrics["rate"] is None
    assert metrics["distortion"] > 0


def test_labels_of_another_kind_have_no_accuracy(digits):
    """Numbers are not compared with the positions of names, nor classes with other numbers."""
    model = build.autoencoder(QUICK, digits.spec)
    named = replace(digits, spec=replace(digits.spec, classes=tuple("abcdefghij")))
    measured = replace(digits, labels=digits.labels + 0.5)
    assert evaluate(model, QUICK, digits, digits)["knn_accuracy"] > 0
    assert evaluate(model, QUICK, named, digits)["knn_accuracy"] is None
    assert evaluate(model, QUICK, measured, digits)["knn_accuracy"] is None


def test_the_plain_autoencoder_has_no_rate(digits):
    losses = mean_losses(
        fitted(digits, QUICK), QUICK.with_settings({"objective": "autoencoder"}).objective.build(), digits.x
    )
    assert losses.rate == 0
    assert losses.loss == losses.distortion


@pytest.mark.parametrize("objective", ["elbo", "autoencoder", "notebook"])
@pytest.mark.parametrize("network", ["mlp", "notebook"])
def test_every_objective_gives_every_parameter_a_gradient(digits, objective, network):
    config = QUICK.with_settings({"objective": objective, "network": network})
    model = build.autoencoder(config, digits.spec)
    config.objective.build()(model, torch.from_numpy(digits.x[:8])).loss.mean().backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    noise = [name for name, _ in model.named_parameters() if "raw_sigma" in name]
    assert without == (noise if objective == "autoencoder" else [])


def test_a_loss_that_is_not_finite_ends_the_training_with_the_remedy():
    x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    model = build.autoencoder(QUICK, from_array(x).spec)
    x[7, 1] = np.inf
    with pytest.raises(InputError, match=r"go from -.* to inf: check them"):
        list(train(model, x, QUICK))


@pytest.mark.parametrize(("n", "epochs"), [(10, 300), (10_000_000, 1), (65_000, 10)])
def test_epochs_suit_the_size_of_the_data(n, epochs):
    assert epochs_for(Config(), n) == epochs
    assert epochs_for(Config.of(epochs=5), n) == 5


def test_precision_is_float32_unless_there_is_better():
    cpu = torch.device("cpu")
    assert autocast_dtype(cpu, "float32") is None
    assert autocast_dtype(cpu, "bfloat16") is torch.bfloat16
    assert autocast_dtype(cpu, "auto") in (None, torch.bfloat16)
    with pytest.raises(InputError, match="precision"):
        autocast_dtype(cpu, "float16")


def test_bfloat16_learns_as_float32_does(digits):
    """Half precision multiplies with 8 bits of mantissa; the held-out loss stays within two per cent."""
    held_out, losses = digits.x[1400:], []
    for precision in ("float32", "bfloat16"):
        config = Config.of(precision=precision, epochs=15, width=64)
        model = fitted(digits[:1400], config)
        losses.append(mean_losses(model, config.objective.build(), held_out).loss)
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


def test_the_metrics_are_what_their_names_say(digits):
    model = fitted(digits, QUICK)
    x = digits.x[:200]
    means = encode_means(model, x)
    metrics = {name: each.mean() for name, each in bound_of_rows(model, x).items()}
    assert metrics["negative_elbo"] == pytest.approx(metrics["distortion"] + metrics["rate"], rel=1e-6)
    assert -log_likelihood_bounds(model, x).mean() == pytest.approx(metrics["negative_elbo"], rel=0.01)
    error = (decode_means(model, means) - x) / 16
    assert reconstruction_mse(model, x, means) == pytest.approx(np.mean(error**2), rel=1e-5)
    classifier = KNeighborsClassifier(5).fit(means[:100], digits.labels[:100])
    expected = classifier.score(means[100:], digits.labels[100:200])
    assert knn_accuracy(means[:100], digits.labels[:100], means[100:], digits.labels[100:200]) == expected


@pytest.mark.parametrize("objective", ["elbo", "autoencoder"])
def test_rows_on_which_the_model_breaks_down_are_told_of(objective):
    x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    data = from_array(x)
    broken = replace(data, x=np.where(np.arange(3) == 1, np.float32(np.inf), x))
    config = QUICK.with_settings({"objective": objective})
    with pytest.raises(InputError, match="NaN or infinity on these rows"):
        evaluate(build.autoencoder(config, data.spec), config, broken)


def test_a_bound_does_not_depend_on_the_rows_beside_it(digits):
    model = fitted(digits, QUICK)
    together = log_likelihood_bounds(model, digits.x[:20])
    alone = np.concatenate([log_likelihood_bounds(model, digits.x[i : i + 1]) for i in range(20)])
    np.testing.assert_allclose(together, alone, rtol=1e-5)


def test_accumulated_batches_give_the_gradient_of_one_large_batch(digits):
    """Without noise, the parts' gradients add up to the whole's; float32 sums in another order."""
    plain = QUICK.with_settings({"objective": "autoencoder", "precision": "float32", "epochs": 1})
    whole = fitted(digits, plain.with_settings({"batch_size": 300}))
    parts = fitted(digits, plain.with_settings({"batch_size": 100, "accumulate": 3}))
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_a_clipped_gradient_is_no_longer_than_asked(digits):
    config = QUICK.with_settings({"clip": 0.01, "epochs": 1})
    state = State(build.autoencoder(config, digits.spec), config)
    norms, step = [], state.optimizer.step

    def watched():
        norms.append(torch.cat([p.grad.flatten() for p in state.parameters if p.grad is not None]).norm().item())
        step()

    state.optimizer.step = watched
    list(train(state.model, digits.x, config, state=state))
    assert norms
    assert max(norms) <= 0.01 * (1 + 1e-4)


def test_the_average_follows_the_weights(digits):
    """With a decay of zero it is the weights; with a decay near one it stays near where they began."""
    begun = build.autoencoder(QUICK, digits.spec)
    plain = fitted(digits, QUICK)
    near = fitted(digits, QUICK.with_settings({"ema": 1e-6}))
    far = fitted(digits, QUICK.with_settings({"ema": 0.9999}))

    def distance(a, b):
        return sum((x - y).norm().item() for x, y in zip(a.parameters(), b.parameters(), strict=True))

    assert distance(near, plain) < 1e-3 * distance(begun, plain)
    assert distance(far, begun) < 0.05 * distance(begun, plain)


def test_one_cycle_rises_and_falls():
    rate = Config.of(schedule="one_cycle").schedule.build()
    values = [rate(done) for done in np.linspace(0, 1, 101)]
    assert values[0] == pytest.approx(0.04)
    assert np.argmax(values) == 30
    assert values[30] == 1
    assert values[-1] == pytest.approx(0)
    assert np.all(np.diff(values[:31]) > 0)
    assert np.all(np.diff(values[30:]) < 0)


def test_a_time_budget_ends_the_training_with_its_schedule(digits):
    config = QUICK.with_settings({"minutes": 0.02})
    model = build.autoencoder(config, digits.spec)
    *_, last = train(model, digits.x, config, held_out=digits.x[:50])
    assert last.ends_epoch
    assert last.step == last.steps
    assert last.epoch > 1  # the epochs asked for do not count
    assert last.seconds >= 1.2


def test_patience_stops_and_the_best_weights_are_kept(digits):
    """With a learning rate that grows far too large for the last epochs, the best one is not the last."""
    config = QUICK.with_settings({"epochs": 200, "learning_rate": 0.02, "schedule": "constant", "patience": 3})
    seen, unseen = digits.x[:300], digits.x[300:]
    ends, losses = {}, {}
    for keep in ("last", "best"):
        kept = config.with_settings({"keep": keep})
        model = build.autoencoder(kept, digits.spec)
        ends[keep] = [each for each in train(model, seen, kept, held_out=unseen) if each.ends_epoch]
        losses[keep] = mean_losses(model, kept.objective.build(), unseen).loss
    history = [end.held_out.loss for end in ends["best"]]
    assert len(history) < 200
    assert len(history) - 1 - int(np.argmin(history)) == 3
    assert losses["best"] == pytest.approx(min(history), rel=1e-6)
    assert losses["last"] == pytest.approx(history[-1], rel=1e-6)


def test_a_loss_that_is_not_finite_sets_training_back_to_go_on_more_slowly(digits):
    """Weights spoilt in the second epoch: back to its beginning, and at the end the model is sound."""
    config = QUICK.with_settings({"epochs": 3})
    state = State(build.autoencoder(config, digits.spec), config)
    notes, ends, seconds, spoilt = [], [], [], False
    for each in train(state.model, digits.x, config, state=state):
        seconds += [each.seconds] if each.note or each.ends_epoch else []
        notes += [each.note] if each.note else []
        ends += [each.epoch] if each.ends_epoch else []
        if each.ends_epoch and each.epoch == 1 and not spoilt:
            spoilt = True
            step = state.optimizer.step

            def once(step=step):
                state.optimizer.step = step
                step()
                time.sleep(0.2)
                state.parameters[0].data.fill_(torch.nan)

            state.optimizer.step = once
    assert len(notes) == 1
    assert "quarter of the learning rate" in notes[0]
    assert ends == [1, 2, 3]
    assert state.counters.setbacks == 1
    assert seconds[1] > seconds[0] + 0.2  # what was thrown away took its time too
    assert state.is_finite()
    assert state.optimizer.param_groups[0]["lr"] < config.optimizer.learning_rate / 4


def test_every_epoch_tells_its_speed(digits):
    model = build.autoencoder(QUICK, digits.spec)
    assert all(each.rows_per_second > 0 for each in train(model, digits.x, QUICK))
