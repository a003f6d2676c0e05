# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Creativity of convolutional diffusion
#
# *A score that is only local and equivariant, computed from the training set without any training, predicts image by image what
# a trained convolutional network generates; the ideal score can only give training images back.*
#
# Reading: 20 minutes. Running: half a minute at smoke scale, eight minutes at book scale, on two cores; two or three
# minutes once the networks are kept.

# %% [markdown]
# **You need:** what a diffusion model does (it turns noise into images by removing a little of the noise at a time), what a convolution
# is, and the softmax.
#
# **You will see:** why the exact score memorises; the score machines of {cite}`kamb2025analytic`, in one formula, as an attention over all
# windows of the training set; through windows of which size a network looks; samples of networks and machines from the same noise, and
# how alike they are; a sample taken apart into the training images that it is made of; and what happens to images that are noised
# half of the way and denoised {cite}`sclocchi2025phase`. Everything is on handwritten digits of 8 × 8 pixels, which come with the book's packages.

# %% tags=["parameters"]
# Of a data set with fewer images than are asked for, all are taken. Digits and drawn characters have 8 pixels a side, MNIST 16, CIFAR 32.
dataset: str = "digits"  # scale: images that networks learn, one of digits|glyphs|mnist|cifar10-subset|cifar10
num_images: int = 300  # scale: training images, which are also the bank of the machines, in [8, 60000]
seeds: int = 1  # scale: networks with zero padding, and with circular padding, in [1, 100]
resnet_width: int = 16  # scale: channels of the residual networks, in [4, 1024]
resnet_layers: int = 4  # scale: their 3 × 3 convolutions, in [1, 20]
zeros_steps: int = 100  # scale: training steps with zero padding, in [1, 1000000]
circular_steps: int = 100  # scale: training steps with circular padding, in [1, 1000000]
unet_width: int = 8  # scale: channels of the U-Nets, with attention and without, at full resolution, in [4, 1024]
unet_layers: int = 2  # scale: their resolutions, in [1, 4]
unet_steps: int = 60  # scale: their training steps, in [1, 1000000]
unet_seeds: int = 1  # scale: networks of each of these kinds, in [1, 100]
other_dataset: str = "glyphs"  # scale: images that networks with circular padding learn too, one of digits|glyphs|mnist
other_seeds: int = 1  # scale: networks that learn those, in [1, 100]
batch_size: int = 64  # scale: images per training step, in [1, 4096]
learning_rate: float = 2e-3  # scale: at the start of the cosine schedule, in [1e-5, 0.01]
largest_window: int = 9  # scale: largest window that is compared, in pixels, in [1, 63]
num_probes: int = 4  # scale: trajectories on which windows are calibrated, in [1, 1000]
num_samples: int = 8  # scale: samples of each network and machine, in [4, 1000]
many_steps: int = 150  # scale: steps of a network beside the default of 20, in [1, 1000]
num_test: int = 40  # scale: images that go forward and back, in [2, 10000]
journey_seeds: int = 1  # scale: pairs of a denoiser and a classifier for that, in [1, 100]
journey_width: int = 8  # scale: channels of that denoiser, a U-Net, at its finest resolution, in [4, 1024]
journey_layers: int = 2  # scale: its resolutions, in [1, 4]
journey_steps: int = 100  # scale: its training steps, in [1, 1000000]
classifier_steps: int = 60  # scale: training steps of the classifier, in [1, 1000000]
times: list = [0.2, 0.6, 0.8]  # scale: how far images are noised, as a fraction of the whole, in [0.01, 1]
num_draws: int = 2  # scale: journeys of each image, in [1, 1000]
sampling_steps: int = 20  # choice: steps of every sampler, unless said otherwise, in [5, 1000]
reverse_steps: int = 50  # choice: steps of a whole reverse process, in [5, 1000]
device: str = "auto"  # choice: "cpu", "cuda" or "auto"

# %% tags=["setup"]
from quire import claims
from quire.experiments.creativity import (
    backward,
    backward_measures,
    cells,
    drawings,
    measures,
    plans,
    window_measures,
)
from quire.figures import Level, bars, curves, figure, label_columns, scatter
from quire.sweep import describe, grid, sweep

label_columns(
    "creativity",
    step="step, counted from the image",
    best="best window, pixels",
    window="window, pixels",
    cosine="cosine of the scores",
    architecture="",
    machine="",
    likeness="median over samples",
    quantity="",
    other="other machine",
    r_squared="$r^2$ of the other machine",
    far="distance, root mean square",
    set="",
    time="time $t/T$",
    value="",
    view="",
    layer="",
    susceptibility=r"susceptibility $\chi$",
)

# %% [markdown]
# What is predicted stands in the ledger before anything runs:

# %% tags=["nbval-check-output"]
claims.expected("creativity")

# %% [markdown]
# ## The exact score memorises
#
# Add noise to an image $x_0$ until the fraction $\bar\alpha$ of the variance is signal,
# $x = \sqrt{\bar\alpha}\,x_0 + \sqrt{1-\bar\alpha}\,z$. The best guess of $x_0$ is the posterior mean $\mu(x)$, and it is all that a sampler
# needs: the score is $(\sqrt{\bar\alpha}\,\mu - x)/(1-\bar\alpha)$. For the $N$ images $\varphi_n$ of a training set,
#
# $$\mu(x) = \sum_n g_n\,\varphi_n, \qquad g_n \propto \exp\Big(-\frac{\|x - \sqrt{\bar\alpha}\,\varphi_n\|^2}{2(1-\bar\alpha)}\Big).$$
#
# As the noise goes, one weight goes to one, and the sampler ends in $\varphi_n$. A network that minimised its loss exactly would do the
# same. What keeps it from that?
#
# ## What a network cannot do
#
# A convolutional network with few layers is **local**: its output at pixel $p$ depends on the window $\Omega_p$ around it. With circular
# padding it is **equivariant**: it does at each pixel the same. Under these two constraints the minimiser of the loss is
# {cite}`kamb2025analytic`
#
# $$\mu(p) = \sum_{n,\,p'} g_{n,p'}(p)\,\varphi_n(p'), \qquad
#   g_{n,p'}(p) \propto \exp\Big(-\frac{\|x_{\Omega_p} - \sqrt{\bar\alpha}\,\varphi_{n,\Omega_{p'}}\|^2}{2(1-\bar\alpha)}\Big):$$
#
# each pixel looks for its window in *all places of all images*, and takes over what is in the middle there. One formula, five machines:
#
# | machine | averages over | compares |
# |---|---|---|
# | ideal | images | whole images |
# | equivariant | images and their translates | whole images |
# | local | images, at the same pixel | windows |
# | equivariant local | images and all pixels (circular padding) | windows |
# | boundary-broken | images and all pixels that see the frame in the same way (zero padding) | windows, and the zeros beyond |
#
# The squared distance is an inner product and a norm, so that this is an attention with windows as queries and keys,
# whose values are the keys:
#
# ```{literalinclude} /lib/quire/diffusion/scores/questions.py
# :language: python
# :pyobject: Question.queries
# ```
#
# Keys come in chunks; what two chunks say is merged exactly by the logarithm of the sum of exponentials, and windows that are equal are
# one key with a count:
#
# ```{literalinclude} /lib/quire/diffusion/scores/attention.py
# :language: python
# :pyobject: _merged
# ```
#
# ## Through which windows does a network look?
#
# The size of $\Omega$ is the one thing that the theory does not know. The architecture bounds it (9 × 9 pixels here), but a network
# may look at less, and does. On the network's own trajectories, take at each step the window for which the machine's score has the largest
# cosine with the network's; the median over trajectories is the *calibrated* window. Each machine that compares windows gets its own.
# Nothing else is fitted.

# %%
images = plans.data(dataset, num_images, num_test=0)
residual = dict(width=resnet_width, layers=resnet_layers)
zeros = residual | dict(train_steps=zeros_steps, seeds=seeds)
circular = residual | dict(train_steps=circular_steps, seeds=seeds)
unet = dict(width=unet_width, layers=unet_layers, train_steps=unet_steps, seeds=unet_seeds)
recipes = {"resnet-zeros": zeros, "resnet-circular": circular, "unet-zeros": unet, "unet-attention": unet}
training = dict(batch_size=batch_size, learning_rate=learning_rate)
nets = plans.networks(images, recipes, **training)

# %%
asked = dict(largest=largest_window, sampling_steps=sampling_steps, num_probes=num_probes)
calibrated = plans.calibrations(nets, **asked)
windows = sweep(cells.best_windows, plans.window_cells(calibrated), device=device)

claims.report("creativity.scale-trend", window_measures.trend(windows, architecture="resnet-zeros"))
claims.report("creativity.scale-fine", window_measures.finest_window(windows, architecture="resnet-zeros"))
claims.report("creativity.scale-coarse", window_measures.coarsest_window(windows, architecture="resnet-zeros"))
claims.report("creativity.score-cosine", window_measures.smallest_cosine(windows, architecture="resnet-zeros"))

# %%
figure(
    "creativity-windows",
    curves(window_measures.window_table(windows), x="step", y="best", by="architecture", size=(5.6, 3.2)),
    caption="The window with which a machine's score is most like the network's, at each step of the sampler (noise at the right).",
    alt="Curves that rise in steps from one pixel at the last step of the sampler over three up to the seventh and "
    "five at the eleventh to seven or eight at the first one, alike for all kinds of networks; only that of the "
    "U-Net with attention goes on to eleven.",
)

# %%
figure(
    "creativity-cosines",
    curves(
        window_measures.cosine_table(windows, architecture="resnet-zeros"),
        x="step",
        y="cosine",
        by="window",
        size=(5.6, 3.2),
    ),
    caption="Cosine of the scores of the network with zero padding and of the boundary-broken machine, for each window.",
    alt="One curve for each window. At the noisy end all are near one. Towards the image large windows fall first and farthest; windows of three pixels stay close to one down to the fifth step, and at the last two "
    "windows of one pixel are best.",
)

# %% [markdown]
# Windows grow with the noise: the correlation of window and step is {claim}`creativity.scale-trend`; in the last quarter of the
# steps the largest is {claim}`creativity.scale-fine` pixels, in the first two fifths the smallest is {claim}`creativity.scale-coarse`.
# With them, the cosine of the two scores is {claim}`creativity.score-cosine` or more, but for the last steps. There the noise is almost
# gone, and the network is asked for details that it has hardly learned.

# %% [markdown]
# ## Image by image
#
# Now let the network and the machines start from the same noise, on the same grid of 20 deterministic (DDIM) steps.

# %%
drawn = plans.samples_of(calibrated, network_steps=[sampling_steps, many_steps], num_samples=num_samples)

# Networks that have learned other images, for a section below, are asked for here, so that all cores have work.
others = []
if other_dataset != dataset:
    other_images = plans.data(other_dataset, num_images, num_test=0)
    nets = plans.networks(other_images, {"resnet-circular": circular | dict(seeds=other_seeds)}, **training)
    calibrated_too = plans.calibrations(nets, **asked)
    others = plans.samples_of(calibrated_too, network_steps=[sampling_steps], num_samples=num_samples)

rows = sweep(cells.likeness, plans.likeness_cells(drawn + others), device=device)
likeness, other_likeness = (rows[rows["dataset"] == name] for name in (dataset, other_dataset))
shown = plans.first_of(drawn, "resnet-circular").tensors(device=device)

# %%
figure(
    "creativity-circular",
    drawings.sample_pictures(shown, network_steps=sampling_steps, count=min(8, num_samples)),
    caption="Circular padding: the same eight noises, denoised by the network and by the machines.",
    alt="Five rows of eight small pictures. Network, equivariant local and equivariant machine show strokes at any place, running "
    "over the edges; the equivariant machine's are whole shifted digits. In most columns the three are alike. Local and ideal "
    "machines show centred digits, which resemble the network's in a few columns only.",
)

# %%
shown = plans.first_of(drawn, "resnet-zeros").tensors(device=device)
figure(
    "creativity-zeros",
    drawings.sample_pictures(shown, network_steps=sampling_steps, count=min(8, num_samples)),
    caption="Zero padding: the same eight noises, denoised by the network and by the machines.",
    alt="Five rows of eight small pictures. Network, equivariant local and local machine show nearly the same "
    "digit-like shapes in each column; the ideal one shows clean digits, of which several are others, the "
    "equivariant one shifted digits.",
)

# %% [markdown]
# How alike are two images? Take from each its mean over all pixels; then
#
# $$r = \frac{u\cdot v}{\|u\|\,\|v\|}, \qquad r^2 = r\cdot r .$$
#
# The two are often confused: the released code of the literature computes $r$ and labels it $r^2$. $r = 0.95$ is $r^2 = 0.90$. We give
# both; the claims are about $r^2$, the median over samples.

# %%
shown = measures.likeness_table(likeness, steps=sampling_steps)
layout = dict(panels="quantity", size=(4.6, 3.2))
figure(
    "creativity-likeness",
    bars(shown, x="machine", y="likeness", by="architecture", **layout),
    caption="How like the samples of networks those of the machines are: median over samples, mean and standard error over networks.",
    alt="Two panels of bars, r and its square. With zero padding, and for both U-Nets, the equivariant local and the "
    "local machine are highest and alike, the ideal one lower, the equivariant one lowest. With circular padding "
    "the equivariant local and the equivariant machine are highest, local and ideal ones far below. The bars of "
    "the U-Nets with and without attention are equal.",
)

# %% tags=["nbval-check-output"]
describe(measures.medians(likeness)[["architecture", "steps", "machine", "r", "r_squared", "distance"]])

# %%
same = dict(steps=sampling_steps)
machine = dict(machine="equivariant local", **same)
on_circle, framed = dict(architecture="resnet-circular"), dict(architecture="resnet-zeros")
claims.report("creativity.zeros-machine", measures.likeness(likeness, **framed, **machine))
claims.report("creativity.zeros-ideal", measures.likeness(likeness, **framed, machine="ideal", **same))
claims.report("creativity.circular-machine", measures.likeness(likeness, **on_circle, **machine))
claims.report("creativity.circular-local", measures.advantage(likeness, **on_circle, over="local", **same))
claims.report("creativity.circular-ideal", measures.advantage(likeness, **on_circle, over="ideal", **same))

# %% [markdown]
# With zero padding the machine has a median $r^2$ of {claim}`creativity.zeros-machine`, and the ideal score
# {claim}`creativity.zeros-ideal`. But the local machine, which is told the place of each pixel, does as well: in an image of 8 × 8 pixels
# almost every window of the decisive steps touches the frame, and the zeros beyond say where it is. This figure cannot show
# equivariance. The circular network can: the machine reaches {claim}`creativity.circular-machine`, ahead of the local one by
# {claim}`creativity.circular-local` and of the ideal score by {claim}`creativity.circular-ideal`. Its digits are torn apart and set
# together anew anywhere on the torus.
#
# One bar should not be overlooked. The equivariant machine, which compares whole images, comes close to the equivariant local one: most
# of the likeness to a circular network, on images this small, is due to knowing *where* the strokes go. What locality adds is that
# they are new, as the distances below say: the equivariant machine's samples are shifted training images.
#
# Sample by sample, the machine against the two that know the place:

# %%
shown = measures.sample_table(likeness, steps=sampling_steps)
layout = dict(panels="architecture", size=(3.1, 3.0), wrap=2)
figure(
    "creativity-scatter",
    scatter(shown, x="equivariant local", y="r_squared", by="other", **layout),
    caption="r² with the network's sample, one point per sample: the equivariant local machine against local and ideal ones.",
    alt="A panel for each kind of network, one point per sample. With zero padding and for the U-Nets the local "
    "machine's points lie around the diagonal and the ideal one's below it. With circular padding most points of "
    "both are near zero, whatever the equivariant local machine reaches.",
)

# %% [markdown]
# ### Attention, and other grids
#
# Self-attention lets a pixel see all others: the network is neither local nor, with zero padding, equivariant. The publication finds
# that the theory predicts such a network less well, and so did the first run of this chapter, which compared a U-Net with attention
# with the residual network. But the two differ in more than attention. Against its own control, the same U-Net without attention, the
# median of $r^2$ falls by {claim}`creativity.attention`: at 8 × 8 pixels, what looked like the share of attention is that of the U-Net,
# whose own windows are the image. One would need larger images to see more.
#
# The medians of the publication compare 20 steps of the machine with **150** of the network. On equal grids they are lower, except where
# they are equal. Here the change is {claim}`creativity.more-steps`.

# %%
claims.report("creativity.attention", measures.gap(likeness, more="unet-zeros", less="unet-attention", **same))
grids = dict(many=many_steps, few=sampling_steps)
claims.report("creativity.more-steps", measures.more_steps(likeness, **framed, **grids))
if dataset in ("cifar10", "cifar10-subset"):
    claims.report("creativity.published", measures.likeness(likeness, **framed, **machine))

# %% [markdown]
# ### Other images
#
# The same with characters of many scripts, drawn at random, and circular networks alone:

# %%
shown = plans.first_of(others or drawn, "resnet-circular").tensors(device=device)
figure(
    "creativity-others",
    drawings.sample_pictures(shown, network_steps=sampling_steps, count=min(8, num_samples)),
    caption=f"The same eight noises, denoised by a network with circular padding that has learned {other_dataset}, and by machines.",
    alt="Five rows of eight small pictures of characters. Network and equivariant local machine show similar pieces "
    "of strokes anywhere; the ideal machine shows whole centred characters.",
)
describe(measures.medians(other_likeness)[["machine", "r", "r_squared", "distance", "translate_distance"]])

# %% [markdown]
# ## New images, and what they are made of
#
# The distance of a sample to the nearest training image, root mean square per pixel on a range of two:

# %%
distances = measures.distance_table(likeness, steps=sampling_steps)
figure(
    "creativity-distance",
    bars(distances, x="machine", y="far", by="architecture", panels="set", size=(5.0, 3.2)),
    caption="Distance of samples to the nearest training image: median over samples, mean and standard error over networks.",
    alt="Two panels of bars. To training images, the ideal machine has no distance; all others have some, more with circular padding. To their translates, the equivariant machine has none either, and networks and local machines have some.",
)

claims.report("creativity.memorises", measures.distance(likeness, **on_circle, machine="ideal", **same))
claims.report(
    "creativity.novelty",
    measures.smallest_distance(likeness, architectures=["resnet-zeros", "resnet-circular"], **same),
)

# %% [markdown]
# The ideal score's samples are training images: {claim}`creativity.memorises`. Those of the networks are not: at least
# {claim}`creativity.novelty`. They are mosaics. The machine can say of each pixel which training pixel has the largest
# weight in it, which a network cannot. Pixels that come from one training image under one displacement form a *piece*:

# %%
on_torus = plans.of_architecture(calibrated, "resnet-circular")
traced = plans.mosaics_of(on_torus, traced_step=3, num_samples=min(32, num_samples), shown_sources=4)
pieces = sweep(cells.sources, grid(mosaic=traced), device=device)
claims.report("creativity.mosaic", measures.num_sources(pieces, **on_circle))
mosaic = traced[0].tensors(device=device)

# %%
figure(
    "creativity-mosaic",
    drawings.mosaic_pictures(mosaic, count=4),
    caption="Four samples of the equivariant local machine; the same put together from single training pixels; their pieces in "
    "colours; the four training images with the most pixels in them, what is not used dimmed.",
    alt="Four rows. The sample; next to it the nine windows that take its place, much like it; nine fields in nine "
    "colours; then four training digits, each dark but for one bright piece of three by three pixels.",
)

# %% [markdown]
# The median sample of the circular machine has {claim}`creativity.mosaic` training images in the nine windows that it is laid out with
# (its first network's four first samples are shown). A black window has thousands of sources that are nearly equal, of which the one that
# fits the rest of the noise is named; the strokes are the part to look at.

# %% [markdown]
# ## Forward and back
#
# There is another way to ask what is composed of what. Noise an image up to time $t$ and denoise it by the *stochastic* reverse process (DDIM
# from a noised image is a deterministic map, and another object). On hierarchical data, the class changes at a sharp time, while low-level
# features survive it and appear in new combinations {cite}`sclocchi2025phase`. On images, a classifier's layers stand for the levels: compare
# the activations of the image before and after, standardised, by their cosine.
#
# ```{literalinclude} /lib/quire/diffusion/classifier_layers.py
# :language: python
# :pyobject: layer_cosines
# ```
#
# **A trap:** with one mean and variance per *channel*, the convention of the literature, the mean image of a channel survives, and two
# unrelated images have a positive cosine: a floor, higher in early layers. It must be measured and shown, or taken away.

# %%
visited = plans.data(dataset, num_images, num_test=num_test)
traveller = dict(architecture="unet-zeros", width=journey_width, layers=journey_layers, train_steps=journey_steps)
asked = dict(times=times, reverse_steps=reverse_steps, num_draws=num_draws, classifier_steps=classifier_steps)
journeys = plans.backward_cells(visited, traveller, seeds=journey_seeds, training=training, **asked)
journey = sweep(backward.forward_backward, journeys, device=device)

# %%
claims.report("creativity.kept-early", backward_measures.class_kept(journey, time=0.2))
claims.report("creativity.kept-late", backward_measures.class_kept(journey, time=0.8))
claims.report("creativity.layers-early", backward_measures.layer_difference(journey, time=0.2))
claims.report("creativity.layers-late", backward_measures.smallest_layer_difference(journey, after=0.6))
claims.report("creativity.layers-coincide", backward_measures.largest_rescaled_distance(journey))

# %%
shown = backward_measures.cosine_table(journey, layers=["relu1", "pool2", "output"])
figure(
    "creativity-layers",
    curves(shown, x="time", y="value", by="layer", panels="view", size=(3.1, 3.0)),
    Level(0.1, "a tenth: chance"),
    caption="Cosine of a classifier's activations before and after, against the time of return, in three standardisations, and the "
    "fraction of images with the class kept.",
    alt="Three panels against the time of return. By channel, the first layer ends well above zero and the output at zero, "
    "and they cross early on. Above their floors, and by unit, all layers fall together from one to zero, with "
    "the class close by.",
)

# %% [markdown]
# The class is kept in {claim}`creativity.kept-early` of the images at $t = 0.2\,T$, and in {claim}`creativity.kept-late` at $0.8\,T$. The raw
# curves cross: early on the output is closer to the original than the first layer, by {claim}`creativity.layers-early`; from $0.6\,T$ on the
# first layer is closer, by {claim}`creativity.layers-late` at least. It is tempting to read the right half as "low-level features survive
# the change of class". **They do not, here:** most of what is left in the early layers is the floor. Once it is taken away the largest
# distance of the two curves is {claim}`creativity.layers-coincide`.
#
# That is the honest state of small data. Images of 8 × 8 pixels do not have enough levels for features to survive below a class; the
# clean statement is that of the random hierarchy model, where the levels are known, and of large images and deep classifiers.
#
# ### Changes come in blocks
#
# Let $\Delta_i$ be the change of pixel $i$, and $C_{ij}$ its covariance over journeys from the same image, averaged over images. The
# susceptibility $\chi = \sum_{ij} C_{ij} / \sum_i C_{ii}$ is the number of pixels that change together: one if each were drawn for
# itself.

# %%
figure(
    "creativity-blocks",
    curves(backward_measures.susceptibility_table(journey), x="time", y="susceptibility", size=(5.0, 3.0)),
    Level(1.0, "independent pixels"),
    caption="Susceptibility of the changed pixels against the time of return, mean and standard error over pairs of networks.",
    alt="A curve that rises from little above one at short times to a maximum of more than two at about three "
    "quarters of the time, and falls a little at the end.",
)

# %% [markdown]
# ## What the run says

# %%
claims.scoreboard("creativity")

# %% [markdown]
# ## Try it
#
# 1. *Train longer.* `quire run creativity --profile book -p circular_steps=3000`: the network comes closer to the minimiser of its loss
#    under its constraints, and `creativity.circular-machine` should rise.
# 2. *Do not train enough.* `quire run creativity --profile book -p zeros_steps=200`: `creativity.zeros-machine` should fail: the theory is
#    about what is learned in the end.
# 3. *See more.* `quire run creativity --profile book -p resnet_layers=8`: windows of 17 × 17 pixels hold the whole image; the calibrated
#    windows of the last steps should stay at three pixels, so that `creativity.scale-fine` holds.
# 4. *Other images.* `quire run creativity --profile book -p dataset=mnist -p num_images=2000` (16 × 16 pixels; needs the data): most pixels
#    do not see the frame, and the boundary-broken machine should lead the local one.
