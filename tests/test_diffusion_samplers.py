"""Schedules, samplers and losses of diffusion against brute force, enumeration, closed forms and the public library."""

import itertools
import math

import pytest
import torch
from scipy.stats import chi2

from quire.diffusion import (
    AncestralSampler,
    DDIMSampler,
    MaskedSampler,
    UniformSampler,
    cosine_schedule,
    draw_symbols,
    linear_schedule,
    log_linear_mask_rate,
    masked_loss,
    noise_loss,
    sample_any_order,
    uniform_loss,
    uniform_posterior,
)
from quire.hierarchy import RandomHierarchy, leaf_evidence, leaf_marginals, log_likelihood, sample, string_codes
from quire.training import Batch

VARIANCE = 0.3


class Net(torch.nn.Module):
    """A function as a network."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, inputs):
        return self.function(inputs)


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gaussian_noise_prediction(state, kept):
    """The exact noise prediction of data drawn from a Gaussian of this variance: one of our denoisers."""
    kept = torch.as_tensor(kept, dtype=torch.float64)
    return (1 - kept).sqrt() * state / (kept * VARIANCE + 1 - kept)


def gaussian_clean_prediction(state, kept):
    noise = gaussian_noise_prediction(state, kept)
    return (state - (1 - kept) ** 0.5 * noise) / kept**0.5


def run(sampler, state, *, predict, **how):
    for timestep in sampler.timesteps:
        kept = float(sampler.alphas_cumprod[int(timestep)])
        state = sampler.step(predict(state, kept), timestep, state, **how).prev_sample
    return state


# ------------------------------------------------------------------------------------------------- schedules


def test_schedules_are_those_of_the_literature():
    betas = torch.linspace(1e-4, 0.02, 50, dtype=torch.float64)
    product, kept = 1.0, linear_schedule(50)
    for step, beta in enumerate(betas.tolist()):
        product *= 1 - beta
        assert math.isclose(float(kept[step]), product, rel_tol=1e-12)
    found = cosine_schedule(1000, largest_beta=None)
    f = lambda u: math.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2  # noqa: E731
    assert math.isclose(float(found[299]), f(0.3) / f(0.0), rel_tol=1e-10)
    legacy = cosine_schedule(1000, normalised=False)
    assert math.isclose(float(legacy[299]), math.cos(0.3 / 1.008 * math.pi / 2) ** 2, rel_tol=1e-12)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: linear_schedule(0),
        lambda: linear_schedule(3, first=0.5, last=0.1),
        lambda: cosine_schedule(3, shift=-1.0),
        lambda: log_linear_mask_rate(torch.tensor([1.5])),
        lambda: log_linear_mask_rate(torch.tensor([float("nan")])),
        lambda: DDIMSampler(torch.tensor([0.5, 0.9])),
        lambda: DDIMSampler(torch.tensor([])),
        lambda: DDIMSampler(torch.tensor([0.9, 0.5])).set_timesteps(3),
        lambda: DDIMSampler(torch.tensor([0.9, 0.5])).step(torch.zeros(2), 7, torch.zeros(2)),
        lambda: DDIMSampler(torch.tensor([0.9, 0.5])).step(torch.zeros(3), 1, torch.zeros(2)),
        lambda: AncestralSampler(torch.tensor([0.9, 0.5])).step(torch.zeros(2), 1, torch.zeros(2)),
        lambda: draw_symbols(torch.zeros(2), generator=stream()),
        lambda: draw_symbols(torch.tensor([float("nan"), 1.0]), generator=stream()),
        lambda: sample_any_order(lambda t: torch.zeros(2), (1, 2), mask=2, generator=stream()),
        lambda: masked_loss(2, weight="t"),
        lambda: uniform_posterior(torch.ones(2), torch.tensor(0), now=0.9, then=0.5),
    ],
)
def test_bad_input_is_refused(wrong):
    with pytest.raises(ValueError):
        wrong()


# ------------------------------------------------------------------------------------------- Gaussian samplers


@pytest.mark.parametrize("spacing", ["leading", "trailing"])
@pytest.mark.parametrize("kind", [AncestralSampler, DDIMSampler])
def test_both_predictions_give_the_same_samples(kind, spacing):
    kept = linear_schedule(100, last=0.1)
    noise = torch.randn(4, 6, generator=stream(), dtype=torch.float64)
    found = []
    for name, predict in (("epsilon", gaussian_noise_prediction), ("sample", gaussian_clean_prediction)):
        sampler = kind(kept, prediction_type=name, timestep_spacing=spacing)
        sampler.set_timesteps(20)
        found.append(run(sampler, noise, predict=predict, generator=stream(1)))
    assert torch.allclose(*found, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", [AncestralSampler, DDIMSampler])
def test_exact_denoisers_recover_the_variance_of_gaussian_data(kind):
    kept = linear_schedule(1000)
    noise = torch.randn(20_000, generator=stream(3), dtype=torch.float64)
    found = run(kind(kept), noise, predict=gaussian_noise_prediction, generator=stream(4))
    assert abs(float(found.var()) / VARIANCE - 1) < 0.06  # 4 standard errors are 0.04; the steps are finite


def test_add_noise_has_its_variance():
    sampler = DDIMSampler(torch.tensor([0.9, 0.25]))
    clean, noise = torch.ones(2, 3), torch.full((2, 3), 2.0)
    found = sampler.add_noise(clean, noise, torch.tensor([0, 1]))
    assert torch.allclose(found[1], torch.full((3,), 0.5 + 2 * 0.75**0.5))


def test_samplers_are_those_of_the_public_library():
    """Our denoiser with their schedulers and with ours: the same samples, DDIM and ancestral, both predictions."""
    diffusers = pytest.importorskip("diffusers", exc_type=ImportError)  # heavy: not among the packages of the tests
    noise = torch.randn(3, 5, generator=stream(), dtype=torch.float64)
    shared = dict(num_train_timesteps=100, beta_start=1e-3, beta_end=0.1, clip_sample=False)
    for theirs, ours in ((diffusers.DDPMScheduler, AncestralSampler), (diffusers.DDIMScheduler, DDIMSampler)):
        for name, predict in (("epsilon", gaussian_noise_prediction), ("sample", gaussian_clean_prediction)):
            their = theirs(**shared, prediction_type=name)
            their.set_timesteps(20)
            mine = ours(their.alphas_cumprod, prediction_type=name)
            mine.set_timesteps(20)
            assert mine.timesteps.tolist() == their.timesteps.tolist()
            pair = [run(one, noise, predict=predict, generator=stream(1)) for one in (their, mine)]
            assert torch.allclose(*pair, rtol=1e-5, atol=1e-5)
            level = torch.tensor([0, 50, 99])
            assert torch.allclose(their.add_noise(noise, noise + 1, level), mine.add_noise(noise, noise + 1, level))


def test_their_network_goes_through_our_samplers():
    diffusers = pytest.importorskip("diffusers", exc_type=ImportError)  # heavy: not among the packages of the tests
    torch.manual_seed(0)
    net = diffusers.UNet2DModel(
        sample_size=8, in_channels=1, out_channels=1, block_out_channels=(8,), norm_num_groups=4, layers_per_block=1,
        down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",),
    ).eval()  # fmt: skip
    noise = torch.randn(2, 1, 8, 8, generator=stream())
    their = diffusers.DDIMScheduler(num_train_timesteps=100, clip_sample=False)
    mine = DDIMSampler(their.alphas_cumprod)
    found = []
    for sampler in (their, mine):
        sampler.set_timesteps(10)
        state = noise
        for timestep in sampler.timesteps:
            with torch.no_grad():
                state = sampler.step(net(state, timestep).sample, timestep, state).prev_sample
        found.append(state)
    assert torch.allclose(*found, rtol=1e-3, atol=1e-3)


# -------------------------------------------------------------------------------------------- discrete processes


def test_uniform_posterior_is_bayes_by_brute_force():
    vocab, now, then = 4, 0.35, 0.6
    eye = torch.eye(vocab, dtype=torch.float64)
    to_then = then * eye + (1 - then) / vocab
    step = now / then * eye + (1 - now / then) / vocab
    joint = torch.einsum("cb,ba->cba", to_then, step)  # of clean, then, now, for each clean one
    clean = torch.rand(vocab, generator=stream(), dtype=torch.float64)
    clean /= clean.sum()
    for noisy in range(vocab):
        given = joint[:, :, noisy] / joint[:, :, noisy].sum(1, keepdim=True)
        found = uniform_posterior(clean, torch.tensor(noisy), now=now, then=then)
        assert torch.allclose(found, clean @ given, rtol=1e-12)
        assert math.isclose(float(found.sum()), 1.0, rel_tol=1e-12)


def tiny() -> RandomHierarchy:
    return RandomHierarchy(vocab=3, num_rules=2, branching=2, depth=2, num_classes=3, seed=1)


def exact_logits(grammar, doubt=0.0):
    """The exact Bayes denoiser of masked strings; with some doubt in what is seen, strings may be impossible."""

    def logits(tokens):
        evidence = leaf_evidence(tokens.clamp_max(grammar.vocab - 1), grammar.vocab, observed=tokens < grammar.vocab)
        return leaf_marginals(grammar, evidence + doubt).log()

    return logits


def misfit(grammar, tokens) -> float:
    """Tail probability of the chi-square of strings against the uniform law of the language."""
    data = sample(grammar, grammar.num_data, seed=0, replacement=False).tokens
    codes, found = string_codes(data, grammar.vocab).sort().values, string_codes(tokens, grammar.vocab)
    place = torch.searchsorted(codes, found).clamp_max(len(codes) - 1)
    if not bool((codes[place] == found).all()):
        return 0.0
    counts = torch.bincount(place, minlength=len(codes)).double()
    expected = len(tokens) / len(codes)
    return float(chi2.sf(float(((counts - expected) ** 2 / expected).sum()), len(codes) - 1))


def test_any_order_with_the_exact_denoiser_samples_the_language():
    grammar = tiny()
    tokens = sample_any_order(exact_logits(grammar), (6000, 4), mask=3, generator=stream(5))
    assert misfit(grammar, tokens) > 1e-3
    together = sample_any_order(exact_logits(grammar), (6000, 4), mask=3, at_once=4, generator=stream(5))
    assert misfit(grammar, together) < 1e-6  # all at once takes tokens as independent: the test can fail


def test_many_steps_in_time_sample_the_language():
    grammar, logits = tiny(), exact_logits(tiny(), doubt=1e-6)
    sampler, random = MaskedSampler(1000, mask=3), stream(6)
    tokens = torch.full((3000, 4), 3)
    sampler.set_timesteps(250)
    for timestep in sampler.timesteps:
        tokens = sampler.step(logits(tokens), timestep, tokens, generator=random).prev_sample
    strings = tokens[(tokens < 3).all(1)]
    assert len(strings) == 3000
    grammatical = (
        string_codes(strings, 3)[:, None]
        == string_codes(sample(grammar, grammar.num_data, seed=0, replacement=False).tokens, 3)
    ).any(1)
    assert float(grammatical.double().mean()) > 0.985  # two tokens within a step are drawn apart: O(1/steps)


def test_masked_noise_has_its_rate():
    sampler = MaskedSampler(4, mask=9)
    noisy = sampler.add_noise(torch.zeros(2, 4), torch.tensor([[0.0, 0.3, 0.6, 0.9]] * 2), torch.tensor([1, 3]))
    assert noisy.tolist() == [[9, 9, 0, 0], [9, 9, 9, 9]]


def test_uniform_sampler_with_the_exact_denoiser_samples_the_language():
    grammar, random = tiny(), stream(7)
    kept = cosine_schedule(60)
    sampler = UniformSampler(kept)
    tokens = torch.randint(3, (4000, 4), generator=random)
    for timestep in sampler.timesteps:
        signal = float(kept[int(timestep)])
        evidence = torch.nn.functional.one_hot(tokens, 3).double() * signal + (1 - signal) / 3
        tokens = sampler.step(leaf_marginals(grammar, evidence).log(), timestep, tokens, generator=random).prev_sample
    data = string_codes(sample(grammar, grammar.num_data, seed=0, replacement=False).tokens, 3)
    assert float((string_codes(tokens, 3)[:, None] == data).any(1).double().mean()) > 0.9  # at random: 24/81
    assert sampler.add_noise(tokens, tokens + 1, torch.zeros(4000, dtype=torch.long), generator=random).shape == (
        4000,
        4,
    )


def test_draws_follow_their_law():
    law = torch.tensor([0.5, 0.0, 0.3, 0.2])
    found = torch.bincount(draw_symbols(law.expand(40_000, 4), generator=stream()), minlength=4) / 40_000
    assert found[1] == 0 and torch.allclose(found.double(), law.double(), atol=0.01)


# ------------------------------------------------------------------------------------------------------- losses


def test_one_over_t_loss_is_the_exact_bound():
    """By enumeration: E over masks of the exact denoiser's weighted loss is -log P(x)/d, term by term in the number hidden."""
    grammar, logits = tiny(), exact_logits(tiny())
    tokens = sample(grammar, 1, seed=2, replacement=True).tokens.long()
    total, length = 0.0, 4
    for hidden in itertools.product([False, True], repeat=length):
        count = sum(hidden)
        if not count:
            continue
        masked = tokens.masked_fill(torch.tensor([hidden]), 3)
        logs = logits(masked).log_softmax(-1).gather(-1, tokens[..., None])[0, :, 0]
        # ∫ t^(count-1) (1-t)^(length-count) dt
        weight = math.gamma(count) * math.gamma(length - count + 1) / math.gamma(length + 1)
        total -= weight * float(logs[torch.tensor(hidden)].sum())
    exact = -float(log_likelihood(grammar, leaf_evidence(tokens, 3)))
    assert math.isclose(total, exact, rel_tol=1e-9)

    objective = masked_loss(3, weight="1/t")
    batch = Batch(tokens.expand(1, 40_000, 4).clone(), None, (stream(8),))
    net = lambda inputs: logits(inputs[0])[None].clamp_min(-1e3)  # noqa: E731
    values = objective(Net(net), batch)[0]
    assert abs(float(values.mean()) - exact / length) < 4 * float(values.std()) / 200


def test_uniform_loss_is_zero_for_the_truth_alone():
    kept = linear_schedule(10, first=0.05, last=0.3)
    tokens = torch.randint(4, (1, 200, 3), generator=stream())
    truth = lambda noisy: 60.0 * torch.nn.functional.one_hot(tokens, 4).float()  # noqa: E731
    flat = lambda noisy: torch.zeros(1, 200, 3, 4)  # noqa: E731
    objective = uniform_loss(kept, 4, conditioned=False)
    assert float(objective(Net(truth), Batch(tokens, None, (stream(),))).max()) < 1e-6
    assert float(objective(Net(flat), Batch(tokens, None, (stream(),))).mean()) > 0.01


def test_noise_loss_of_the_exact_prediction_is_its_variance():
    kept = torch.tensor([0.5])
    data = VARIANCE**0.5 * torch.randn(1, 20_000, 1, generator=stream(), dtype=torch.float64)
    net = lambda state: gaussian_noise_prediction(state, 0.5)  # noqa: E731
    found = noise_loss(kept, conditioned=False)(Net(net), Batch(data, None, (stream(1),)))
    exact = 0.5 * VARIANCE * 0.5 / (0.5 * VARIANCE + 0.5)
    assert math.isclose(float(found.mean()), exact, rel_tol=0.05)
