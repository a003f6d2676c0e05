"""A user's own modules in the loop: embeddings, one-dimensional convolutions, transformers, dropout, shared weights."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from quire import nets
from quire import training as T
from quire.rng import generator

DOUBLE = torch.float64


class Words(nn.Module):
    """Class of a text: mean of embeddings."""

    def __init__(self):
        super().__init__()
        self.embedding, self.readout = nn.Embedding(5, 8), nn.Linear(8, 3)

    def forward(self, tokens):
        return self.readout(self.embedding(tokens).mean(1))


class Signal(nn.Module):
    """Class of a signal [batch, channels, length]."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(2, 6, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(6, 3)
        )

    def forward(self, signal):
        return self.layers(signal)


class Transformer(nn.Module):
    """Next tokens of a text: causal, with positions in a buffer that is not saved and a readout that is the embedding."""

    def __init__(self, vocab=5, length=6, width=8, dropout=0.0):
        super().__init__()
        self.embedding = nn.Embedding(vocab, width)
        self.register_buffer("places", torch.linspace(-1, 1, length)[:, None].repeat(1, width), persistent=False)
        layer = nn.TransformerEncoderLayer(width, 2, 16, dropout=dropout, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.readout = nn.Linear(width, vocab, bias=False)
        self.readout.weight = self.embedding.weight

    def forward(self, tokens):
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1], dtype=self.places.dtype)
        return self.readout(self.encoder(self.embedding(tokens) + self.places, mask=mask, is_causal=True))


def drawn(make, seed, dtype=DOUBLE):
    """The module with weights from a stream of its own."""
    net = make().to(dtype)
    stream = generator("module", seed)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=stream, dtype=DOUBLE))
    return net


def words(count=60):
    tokens = torch.randint(5, (count, 6), generator=generator("words"))
    return tokens, torch.stack([(tokens == symbol).sum(1) for symbol in range(3)], 1).argmax(1)


def signals(count=60):
    signal = torch.randn(count, 2, 9, dtype=DOUBLE, generator=generator("signals"))
    return signal, (signal.mean((1, 2)) > 0).long()


def rhymes(count=60):
    """Each token is the sum of the two before it, modulo five."""
    tokens = torch.randint(5, (count, 7), generator=generator("rhymes"))
    for place in range(2, 7):
        tokens[:, place] = (tokens[:, place - 1] + tokens[:, place - 2]) % 5
    return tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()


PROBLEMS = {"embedding": (Words, words), "conv1d": (Signal, signals), "transformer": (Transformer, rhymes)}


def config(**changes):
    return T.TrainConfig(**{"learning_rate": 0.02, "max_steps": 20, "batch_size": 16, "optimizer": "adam"} | changes)


def tensors(net):
    return torch.cat([parameter.detach().flatten() for parameter in net.parameters()])


@pytest.mark.parametrize("name", PROBLEMS)
def test_equals_a_loop_written_by_hand(name):
    """Whole set, Adam: the same weights as torch.optim on the plain module."""
    make, samples = PROBLEMS[name]
    inputs, targets = samples()
    net, twin = drawn(make, 0), drawn(make, 0).train()
    data = T.MemberData.shared(inputs, targets, sizes=[60])
    result = T.train(net, data, config=config(batch_size=None, max_steps=8), generators=[generator("order")])
    optimizer = torch.optim.Adam(twin.parameters(), lr=0.02)
    for _ in range(8):
        optimizer.zero_grad()
        functional.cross_entropy(twin(inputs).flatten(0, -2), targets.flatten()).backward()
        optimizer.step()
    assert torch.allclose(tensors(result.net), tensors(twin), atol=1e-8)
    assert type(result.net) is make and torch.equal(tensors(net), tensors(drawn(make, 0)))


@pytest.mark.parametrize("name", PROBLEMS)
def test_learns(name):
    make, samples = PROBLEMS[name]
    data = T.MemberData.shared(*samples(), sizes=[60])
    net = drawn(make, 1, torch.float32)
    result = T.train(net, data, config=config(max_steps=400), generators=[generator("order")], validation=data)
    before, after = (T.evaluate(one, data, loss="cross_entropy") for one in (net, result.net))
    limit = 0.5 if name == "transformer" else 0.2  # the first next token cannot be known
    assert float(after["error"]) < limit < float(before["error"])
    assert float(after["loss"]) < 0.7 * float(before["loss"])
    outputs = T.predict(result.net, samples()[0], chunk_size=7)
    assert torch.allclose(outputs[0], result.net(samples()[0].float() if name == "conv1d" else samples()[0]), atol=1e-5)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("strategy", ["loop", "vmap"])
@pytest.mark.filterwarnings("ignore:There is a performance drop")  # vmap of torch's attention
def test_members_of_a_stack_train_as_if_alone(name, strategy):
    make, samples = PROBLEMS[name]
    inputs, targets = samples()
    plain = [drawn(make, seed) for seed in range(3)]
    data = T.MemberData.shared(inputs, targets, sizes=[60, 31, 44])
    orders = [generator("order", k) for k in range(3)]
    together = T.train(nets.stack(plain, strategy=strategy), data, config=config(), generators=orders)
    for k in range(3):
        alone = T.train(plain[k], data.select([k]), config=config(), generators=[generator("order", k)])
        assert torch.allclose(tensors(alone.net), tensors(together.net.member(k)), atol=1e-7)


def test_dropout_comes_from_the_members_own_generators():
    """The same alone and in company; torch's global numbers are neither used nor moved."""

    def make():
        return Transformer(dropout=0.3)

    plain = [drawn(make, seed) for seed in range(2)]
    data = T.MemberData.shared(*rhymes(), sizes=[60, 40])
    torch.manual_seed(0)
    state = torch.get_rng_state()
    together = T.train(nets.stack(plain), data, config=config(), generators=[generator("o", k) for k in range(2)])
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(1)
    for k in range(2):
        alone = T.train(plain[k], data.select([k]), config=config(), generators=[generator("o", k)])
        assert torch.allclose(tensors(alone.net), tensors(together.net.member(k)), atol=1e-7)
    without = T.train(drawn(Transformer, 0), data.select([0]), config=config(), generators=[generator("o", 0)])
    assert not torch.allclose(tensors(without.net), tensors(together.net.member(0)), atol=1e-3)
    with pytest.raises(ValueError, match='"vmap" cannot give each member its own dropout'):
        nets.stack(plain, strategy="vmap")


def test_shared_and_frozen_weights_stay_so():
    net = drawn(Transformer, 0)
    net.encoder.layers[0].linear1.weight.requires_grad_(False)
    data = T.MemberData.shared(*rhymes(), sizes=[60])
    result = T.train(net, data, config=config(weight_decay=0.1), generators=[generator("order")])
    trained = result.net
    assert trained.readout.weight is trained.embedding.weight
    assert not torch.allclose(trained.embedding.weight, net.embedding.weight)
    assert torch.equal(trained.encoder.layers[0].linear1.weight, net.encoder.layers[0].linear1.weight)
    assert not trained.encoder.layers[0].linear1.weight.requires_grad
    assert torch.equal(trained.places, net.places)


def test_a_stack_does_not_guess_axes():
    both = nets.stack([drawn(Words, seed) for seed in range(2)])
    tokens, _ = words(4)
    assert both(tokens.expand(2, 4, 6)).shape == (2, 4, 3)
    with pytest.raises(ValueError, match=r"inputs must be \[2, batch, …\], one batch for each member, got \[4, 6\]"):
        both(tokens)
    images = torch.rand(4, 1, 8, 8, generator=generator("images"))
    vision = nets.stack(
        [nets.build("fc-l2", input_shape=(1, 8, 8), num_classes=2, generator=generator(k)) for k in range(2)]
    )
    assert torch.equal(vision(images), vision(images.expand(2, 4, 1, 8, 8)))  # these say how many axes an image has


def test_the_order_of_memory_is_kept():
    net = nets.build("vgg3-bn", input_shape=(1, 16, 16), num_classes=2, generator=generator(0))
    copy = nets.stack([net]).member(0)
    for ours, theirs in zip(copy.state_dict().values(), net.state_dict().values(), strict=True):
        assert ours.stride() == theirs.stride() and torch.equal(ours, theirs)
