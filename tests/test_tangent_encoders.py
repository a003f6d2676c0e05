"""Encoders that somebody else trained: ImageNet weights where installed, and CLIP's whole path with a tiny random model."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from quire.data import EIGHT_TASKS, MissingData, imagenet_weights, load_image_task, weights
from quire.nets import EfficientNetLite0
from quire.tangent import (
    Embedding,
    FrozenHead,
    TaskVector,
    clip_encoder,
    disentanglement_error,
    imagenet_encoder,
    linear_response,
    linearize,
    mean_head,
    nonlinear_response,
    stack_vectors,
    text_head,
)


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def filled(net, seed=0):
    with torch.no_grad():
        for number, parameter in enumerate(net.parameters()):
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=stream(seed + number)))
    return net


class TinyCLIP(nn.Module):
    """Two towers with the methods of open_clip; patches of eight pixels, one block of attention each."""

    def __init__(self):
        super().__init__()
        self.visual = nn.ModuleDict(
            {
                "patches": nn.Conv2d(3, 16, 8, stride=8),
                "block": nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, norm_first=True),
                "project": nn.Linear(16, 12),
            }
        )
        self.words, self.text = nn.Embedding(30, 16), nn.Linear(16, 12)

    def encode_image(self, images):
        tokens = self.visual["patches"](images).flatten(2).transpose(1, 2)
        return self.visual["project"](self.visual["block"](tokens).mean(1))

    def encode_text(self, tokens):
        return self.text(self.words(tokens).mean(1))


def written(folder, name, classes=("cat", "dog", "emu"), each=4):
    """A task on disk, as the loader expects it."""
    image = pytest.importorskip("PIL.Image")
    random = np.random.default_rng(len(name))
    for own in classes:
        (folder / name / own).mkdir(parents=True)
        for number in range(each):
            pixels = random.integers(0, 256, (40, 36 + number, 3)).astype(np.uint8)
            image.fromarray(pixels).save(folder / name / own / f"{number}.png")


def test_the_whole_path_of_clip_with_a_tiny_one(tmp_path):
    """Folders to images, prompts to a head, fine-tuning of the image tower, task vectors, both responses, ξ."""
    model = filled(TinyCLIP())
    encoder = clip_encoder(model)
    names, taus, inputs, heads = ["MNIST", "SVHN"], [], [], []
    start = {name: p.detach().clone() for name, p in encoder.named_parameters()}
    for number, name in enumerate(names):
        written(tmp_path, name)
        images, labels, classes = load_image_task(tmp_path, name, size=32)
        assert images.shape == (12, 3, 32, 32) and classes == ["cat", "dog", "emu"]
        images, labels = torch.tensor(images), torch.tensor(labels)
        head = text_head(model, torch.randint(30, (3, 2, 5), generator=stream(number)))
        tuned = copy.deepcopy(encoder).train()
        trained = [p for p in tuned.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=1e-2)
        classifier = FrozenHead(tuned, head, scale=16.0)
        losses = []
        for _ in range(15):
            optimizer.zero_grad()
            loss = functional.cross_entropy(classifier(images), labels)
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        assert losses[-1] < losses[0]
        tau = TaskVector.between(start, {n: p.detach() for n, p in tuned.named_parameters()})
        moved = {name for name, tensor in tau.tensors.items() if tensor.any()}
        assert moved and all(name.startswith("model.visual.") for name in moved)  # the text tower is frozen
        taus.append(tau)
        inputs.append(images)
        heads.append(head)
    for kind in (linear_response, nonlinear_response):
        responses = tuple(kind(encoder, start, stack_vectors(taus), part) for part in inputs)
        found = disentanglement_error(responses, alphas=[0.0, 1.0], heads=tuple(heads))
        assert float(found.error[0, 0]) == 0 and float(found.error.max()) <= 2
    tangent = linearize(encoder)
    tangent.set_task_vector(taus[0] + taus[1])
    analytic = linear_response(encoder, start, stack_vectors(taus), inputs[0])(torch.ones(1, 2))[0]
    torch.testing.assert_close(tangent(inputs[0]).detach(), analytic, rtol=1e-4, atol=1e-5)


def test_the_head_of_sentences():
    model = filled(TinyCLIP())
    tokens = torch.randint(30, (3, 2, 5), generator=stream())
    rows = []
    for own in tokens:
        vectors = [model.encode_text(sentence[None])[0].detach() for sentence in own]
        mean = sum(vector / vector.norm() for vector in vectors) / 2
        rows.append(mean / mean.norm())
    torch.testing.assert_close(text_head(model, tokens), torch.stack(rows), rtol=1e-5, atol=1e-6)


def test_a_clip_model_of_transformers():
    transformers = pytest.importorskip("transformers")
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = transformers.CLIPConfig(
        text_config={**small, "vocab_size": 50, "eos_token_id": 49},
        vision_config={**small, "image_size": 32, "patch_size": 8},
        projection_dim=24,
    )
    model = filled(transformers.CLIPModel(config))
    encoder = clip_encoder(model)
    images = torch.randn(3, 3, 32, 32, generator=stream())
    assert encoder(images).shape == (3, 24)
    tangent = linearize(encoder)
    torch.testing.assert_close(tangent(images).detach(), encoder(images).detach(), rtol=1e-4, atol=1e-5)
    assert text_head(model, torch.randint(49, (4, 2, 6), generator=stream())).shape == (4, 24)


def test_the_head_of_means():
    images, labels = torch.randn(6, 5, generator=stream()), torch.tensor([0, 1, 0, 1, 2, 2])
    found = mean_head(nn.Identity(), images, labels, batch=4)
    normal = images / images.norm(dim=1, keepdim=True)
    for own in range(3):
        mean = normal[labels == own].mean(0)
        torch.testing.assert_close(found[own], mean / mean.norm())
    with pytest.raises(ValueError, match="needs an image"):
        mean_head(nn.Identity(), images, torch.tensor([0, 0, 0, 2, 2, 2]))


def test_random_imagenet_networks_and_their_linearisation():
    encoder = imagenet_encoder(None, generator=stream())
    images = torch.randn(2, 3, 32, 32, generator=stream(1))
    assert encoder(images).shape == (2, 1280)
    torch.testing.assert_close(linearize(encoder)(images).detach(), encoder(images).detach(), rtol=1e-4, atol=1e-5)
    other = EfficientNetLite0(generator=stream())
    assert all(torch.equal(a, b) for a, b in zip(encoder.model.parameters(), other.parameters(), strict=True))


def test_imagenet_weights_know_a_palace_and_a_daisy():
    """scikit-learn's two photos: classes 698 and 985 of ImageNet."""
    from sklearn.datasets import load_sample_images

    try:
        path = imagenet_weights()
    except MissingData as error:
        pytest.skip(str(error))
    net = imagenet_encoder(path, generator=stream()).model
    for photo, own in zip(load_sample_images().images, (698, 985), strict=True):
        image = (torch.tensor(photo).permute(2, 0, 1)[None, :, :, 106:533].float() - 127) / 128
        image = functional.interpolate(image, size=(224, 224), mode="bilinear", antialias=True)
        assert own == int(net(image).argmax())


def test_what_is_absent_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "_places", lambda: [tmp_path / weights.FILE])
    with pytest.raises(MissingData, match=r"quire\[pretrained\].*QUIRE_DATA"):
        imagenet_weights()
    (tmp_path / weights.FILE).write_bytes(b"something else")
    with pytest.raises(ValueError, match="sha256.*replace or delete"):
        imagenet_weights()
    torch.save({"w": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(RuntimeError, match="[Mm]issing key"):
        imagenet_encoder(tmp_path / "other.pth", generator=stream())
    with pytest.raises(ValueError, match=r"extra \[clip\]"):
        clip_encoder(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="embeds no text"):
        text_head(nn.Linear(2, 2), torch.zeros(1, 1, 1, dtype=torch.int64))
    with pytest.raises(ValueError, match="no method"):
        Embedding(nn.Linear(2, 2), "encode_image")
    assert len(EIGHT_TASKS) == 8
    for name in EIGHT_TASKS:
        with pytest.raises(FileNotFoundError, match="download"):
            load_image_task(tmp_path, name, size=32)
    with pytest.raises(ValueError, match="none of the tasks"):
        load_image_task(tmp_path, "CIFAR", size=32)
