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
# # Rainbow networks
#
# *What has a network learned when it is trained? Perhaps only the covariance of each layer's weights: draw new weights with these covariances,
# turn every layer to the one below, and the network does what it did.*
#
# Reading: 15 minutes. Running: seconds at smoke scale, four to seven minutes at book scale, on two cores.

# %% [markdown]
# **You need:** what a network with hidden layers is, the singular value decomposition, and that random features approximate a kernel; the
# chapter on locality explains kernels.
#
# **You will see:** why two networks that share no weight can say the same, up to a rotation; the *rainbow model* of trained networks
# {cite}`guth2023rainbow`, in which each layer is a set of random features with a learned covariance; its three hypotheses taken apart on
# networks that were trained on digits (independent rows, normal rows, rows of mean zero), in the scaling in which features hardly move and in
# the one in which they do.

# %% tags=["parameters"]
images: str = "digits"  # scale: what is classified, one of digits|mnist|cifar10-subset|cifar10
train_images: int = 300  # scale: of these, to train on, in [100, 50000]
feature_widths: list = [16, 64]  # scale: numbers of random features, in [2, 65536]
feature_draws: int = 2  # scale: of each number, in [1, 1000]
widths: list = [16, 32]  # scale: of the trained networks, in [8, 8192]
epochs: int = 2  # scale: of their training, in [1, 10000]
seeds: int = 1  # scale: networks of each width, in [1, 100]
draws: int = 1  # scale: networks that are sampled from each, in [1, 100]
standard_rate: float = 0.05  # choice: learning rate in the standard scaling, in [0.0001, 1]
mean_field_rate: float = 0.2  # choice: that per unit of width, in the mean-field scaling, in [0.0001, 10]
device: str = "auto"  # choice: "cpu", "cuda" or "auto"

# %% tags=["setup"]
from quire import claims
from quire.experiments.rainbow import cells, measures, plans, table_measures
from quire.figures import PowerLaw, curves, figure, label_columns
from quire.sweep import describe, sweep

label_columns(
    "rainbow",
    width="width",
    distance="squared distance, relative",
    error="test error",
    order="rank",
    eigenvalue="eigenvalue, over their mean at first",
    direction="principal direction",
    kurtosis="excess kurtosis",
    scaling="",
    name="",
)
page = dict(size=(4.8, 3.2))
panels = dict(size=(3.4, 3.2), panels="scaling")

# %% [markdown]
# What is predicted stands in the ledger before anything runs:

# %% tags=["nbval-check-output"]
claims.expected("rainbow")

# %% [markdown]
# ## Random features agree, up to a rotation
#
# A layer of $n$ units makes of an image $x$ the features
#
# $$\varphi(x) = n^{-1/2}\,\rho(Wx),\qquad \langle\varphi(x),\varphi(x')\rangle = \frac1n\sum_{i=1}^n \rho(\langle w_i,x\rangle)\,\rho(\langle w_i,x'\rangle),$$
#
# and if the rows $w_i$ are independent, the scalar products are means of independent terms: they approach a kernel $k(x,x')$, whichever rows were
# drawn. Features with the same scalar products are the same up to a rotation. So two layers that share no weight can be *aligned*: the best
# $A$ with orthonormal columns or rows, in $\min_A \mathbb E\,\|A\hat\varphi - \varphi\|^2$, is $UV^\top$ of the singular value decomposition of
# $\mathbb E[\varphi\hat\varphi^\top] = USV^\top$. What is left is
#
# $$\operatorname{tr}\mathbb E[\varphi\varphi^\top] + \operatorname{tr}\mathbb E[\hat\varphi\hat\varphi^\top] - 2\,\|\mathbb E[\varphi\hat\varphi^\top]\|_*,$$
#
# with the sum of the singular values in the last term: the squared Bures–Wasserstein distance of the two Gram matrices. (Mind the order: with
# $A$ on the left of $\hat\varphi$ it is target times source that is decomposed. In code, images are rows, and $A$ stands on the right.)
#
# ```{literalinclude} /lib/quire/rainbow/distances.py
# :language: python
# :pyobject: alignment_distance
# ```
#
# *Prediction.* The Gram matrix approaches the kernel with a squared distance $\propto 1/n$. Rotations are harder: a direction in which the
# kernel has an eigenvalue below the noise of the Gram matrix cannot be aligned at all, and the wider the layer, the more of them can be. Where
# eigenvalues fall as a power law, so does the distance, with an exponent below one.

# %%
asked = plans.feature_cells(images=images, train_images=train_images, widths=feature_widths, draws=feature_draws)
random = sweep(cells.random_features, asked, device=device)
for value in ("kernel", "pair", "reference"):
    claims.report(f"rainbow.{value}-slope", measures.feature_slope(random, value=value))

# %%
figure(
    "rainbow-features",
    curves(table_measures.feature_table(random), x="width", y="distance", by="name", log="xy", size=(6.4, 3.4)),
    PowerLaw(-1, "slope -1", through="Gram matrix and kernel"),
    caption="Squared distances of random ReLU features: of two sets, of a set and its kernel, and of the Gram matrices.",
    alt="Falling curves on logarithmic axes. The Gram matrices' follows the line of slope -1; the aligned distances are larger and less steep, "
    "and that to 4,096 features bends away from that to the kernel at the largest widths.",
)

# %% [markdown]
# The Gram matrix has the exponent {claim}`rainbow.kernel-slope`; two sets approach one another with {claim}`rainbow.pair-slope`, and each
# a set of 4,096 with {claim}`rainbow.reference-slope`. (The distance to the kernel itself falls faster: a reference that is finite has an error
# of its own. And on fewer images all of them fall faster, since a Gram matrix has no more eigenvalues than images.)
#
# ## A trained network, drawn again
#
# Training makes the rows of a layer depend on one another, through the loss. The rainbow model says: not much. Given the features of the layer
# below, up to a rotation, they are as good as independent and normal, of mean zero, and all that has been learned is their covariance
# $C_j = W_j^\top W_j/n$. Then a network with new rows does the same, if each layer is turned to the one below:
#
# $$\hat W_j = W'_j A_{j-1},\qquad w' \sim \mathcal N(0, C_j),\qquad A_0 = 1,$$
#
# layer by layer, and the classifier is the trained one, times the last rotation. Neither covariance nor square root is ever formed:
# $n^{-1/2}\sum_i g_i w_i$, with normal numbers $g$, is such a row.
#
# ```{literalinclude} /lib/quire/rainbow/sampling.py
# :language: python
# :pyobject: sample_rainbow
# ```
#
# We train networks of two hidden layers of $n$ ReLUs, without biases, in two scalings. In the *standard* one (variances $2/n$, one learning
# rate) the features of a wide network hardly move. In the *mean-field* one the output is divided by $n$, and the learning rate grows with
# $n$: features move as much at every width; the chapter on learning mechanics has the table.

# %%
rates = {"standard": standard_rate, "mean-field": mean_field_rate}
training = dict(images=images, train_images=train_images, widths=widths, rates=rates, epochs=epochs)
tested = sweep(cells.accuracies, plans.network_cells(**training, seeds=seeds, draws=draws), device=device)
for width in (64, 256):
    found = measures.accuracy(tested, kind="gaussian", width=width, scaling="standard")
    claims.report(f"rainbow.accuracy-{width}", found)
middle = dict(width=256, scaling="standard")
claims.report("rainbow.unaligned", measures.accuracy(tested, kind="unaligned", **middle))
for name, kinds in {"new-classifier": ("refitted", "gaussian"), "random": ("refitted", "random")}.items():
    claims.report(f"rainbow.{name}", measures.accuracy_less(tested, kinds=kinds, **middle))
narrow = measures.accuracy_less(tested, kinds=("refitted", "random"), width=64, scaling="standard")
claims.report("rainbow.random-narrow", narrow)
claims.report("rainbow.gap", measures.gap_ratio(tested, small=64, large=512, scaling="standard"))

# %%
figure(
    "rainbow-accuracy",
    curves(table_measures.accuracy_table(tested), x="width", y="error", by="name", log="xy", **panels),
    caption="Test error of trained networks and of networks that are sampled from them, in two scalings; and of random features.",
    alt="Two panels. Errors of the trained network and of features with a new classifier lie low; the rainbow's is several times as large and "
    "falls with the width; without alignment it is that of guessing.",
)

# %% tags=["nbval-check-output"]
describe(tested[["width", "scaling", "seed", "kind", "draw", "accuracy"]])

# %% [markdown]
# In the standard scaling networks that share no weight with the trained one have an accuracy of {claim}`rainbow.accuracy-64` at width 64 and
# {claim}`rainbow.accuracy-256` at 256; without the rotations {claim}`rainbow.unaligned`. A new classifier on the sampled features adds
# {claim}`rainbow.new-classifier`. At width 512 the loss of accuracy is {claim}`rainbow.gap` of what it is at 64.
#
# *What it does not say.* That the covariances matter. Here is the control: random features, as they were before training, with a new
# classifier. The difference is {claim}`rainbow.random`: digits are too easy to tell for so many features. (At width 64 it is {claim}`rainbow.random-narrow`: where
# features are few, it matters which.) In wide networks accuracy is the wrong thing to look at; activations are the right one.
#
# ## Do the activations agree?
#
# We compare the hidden features on images that nobody was trained on or aligned with: those of a trained network with those of another one, with
# those of networks sampled from it, and with untrained ones. And we take the model apart. If rows are drawn, with replacement, from the rows of the
# trained network itself (and turned to the layer below), they are independent and have the right law, whatever it is: what is missing then is due to
# the finite width. If they are normal, about their mean, that adds what a normal law misses; if they are normal about zero, as the model has
# it, what their mean says is missing, too.

# %%
pairs = sweep(cells.distances, plans.pair_cells(**training, seeds=seeds, draws=draws), device=device)
two = dict(layer=2, widths={"narrow": 64, "wide": 256}, scaling="standard")
claims.report("rainbow.trained-pairs", measures.likeness(pairs, kind="trained", **two))
claims.report("rainbow.sampled-pairs", measures.likeness(pairs, kind="gaussian", **two))
moved = dict(layer=2, width=256, scaling="mean-field")
claims.report("rainbow.shift", measures.shift_gain(pairs, **moved))
unlike = measures.likeness(pairs, kind="random", layer=2, widths={"": 256}, scaling="mean-field")
claims.report("rainbow.random-unlike", unlike[""])
shown = 256 if 256 in widths else widths[-1]
rate = {"mean-field": mean_field_rate}
apart = plans.pair_cells(**(training | {"widths": [shown], "rates": rate}), seeds=seeds, draws=draws, centring="pixel")
uncentred = sweep(cells.distances, apart, device=device)
claims.report("rainbow.shift-uncentred", measures.shift_gain(uncentred, **moved))

# %%
figure(
    "rainbow-activations",
    curves(table_measures.distance_table(pairs, layer=2), x="width", y="distance", by="name", log="xy", **panels),
    caption="Alignment distance to the second hidden layer of a trained network, on held-out images, in two scalings.",
    alt="Two panels of falling curves. Standard: untrained features are farthest, the others close together. Mean-field: untrained ones "
    "stay far at any width; normal rows about zero come next, then those about their mean; rows of the network itself and another trained "
    "network come closest, and fall to a hundredth.",
)

# %% [markdown]
# Two trained networks: {claim}`rainbow.trained-pairs`. A trained and a sampled one: {claim}`rainbow.sampled-pairs`. In the mean-field scaling,
# untrained features are at a distance of {claim}`rainbow.random-unlike`, and there the covariance does matter. So does the mean: about zero
# the distance is {claim}`rainbow.shift` times as large as about the mean of the rows. A trained unit that is silent for most images has a
# row that points away from them. A normal law about zero has the opposite row as often, and that unit is nearly always active. If so, it matters
# the more, the less centred the features are. The test: subtract from all images their mean pixel, and not their mean image; then the factor is
# {claim}`rainbow.shift-uncentred`.
#
# ## Where is the learning? In a few eigenvalues
#
# *Prediction.* The change of a matrix by training has a low rank, since it is a sum of outer products over a few classes. In the standard scaling it
# is small beside the matrix itself; in the mean-field scaling it has the matrix's own norm, and lifts a few eigenvalues of $C_2$ out of
# those of random rows.

# %%
common = dict(training=training, seeds=seeds)
spectrum = sweep(cells.spectra, plans.start_cells(**common, most=[64]), device=device)
for scaling in ("standard", "mean-field"):
    found = measures.largest_eigenvalue(spectrum, layer=2, width=256, scaling=scaling)
    claims.report(f"rainbow.spectrum-{scaling}", found)
moments = sweep(cells.row_moments, plans.start_cells(**common, directions=[10]), device=device)

# %%
figure(
    "rainbow-spectrum",
    curves(
        table_measures.spectrum_table(spectrum, layer=2, width=shown),
        x="order",
        y="eigenvalue",
        by="name",
        log="xy",
        **panels,
    ),
    caption="Eigenvalues of the covariance of the second layer's rows, before and after training, in two scalings.",
    alt="Two panels of falling curves. Standard: before and after nearly coincide. Mean-field: after training about ten eigenvalues rise, the "
    "first of them several times, and the rest falls as before.",
)

# %%
figure(
    "rainbow-kurtosis",
    curves(table_measures.kurtosis_table(moments, width=shown), x="direction", y="kurtosis", by="name", **panels),
    caption="Excess kurtosis of the rows of the second layer along their principal directions: zero for normal rows.",
    alt="Two panels. Before training the points scatter about zero; after training in the mean-field scaling they lie above it in the first directions.",
)

# %% [markdown]
# The largest eigenvalue becomes {claim}`rainbow.spectrum-standard` times what it was in the standard scaling, and
# {claim}`rainbow.spectrum-mean-field` times in the mean-field one. The rows along these directions have heavier tails than normal ones (second
# figure): with their mean, that is what the second-order model leaves out.
#
# **What it means.** As far as its activations go, a trained wide layer is a sample: rows that are exchanged for others of the same law do the
# same, once they are turned. **What it does not mean:** that the law is normal about zero. Where features are not centred it is far from it,
# and a test by accuracy on an easy task would not have noticed.

# %%
claims.scoreboard("rainbow")

# %% [markdown]
# ## Try it
#
# 1. *Features that move more.* `quire run rainbow --profile book -p mean_field_rate=1.0`: what happens to the eigenvalues, the tails, the accuracy?
# 2. *Lazy.* `quire run rainbow --profile book -p mean_field_rate=0.001`: the networks do not fit in these epochs, and the spectrum stays as it was.
# 3. *Other images.* `quire run rainbow --profile book -p images=mnist -p train_images=2000`: are random features with a new classifier still as good?
