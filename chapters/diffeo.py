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
# # Stability to diffeomorphisms
#
# *Deep networks that generalise well have learnt to ignore smooth deformations more than they ignore noise: their ratio $R_f$ is
# far below one, and at a fixed number of training points it tracks their test error.*
#
# Reading: 20 minutes. Running: 30 seconds at smoke scale, 4 to 5 minutes at book scale, on two cores.

# %% [markdown]
# **You need:** what a convolution, a ReLU and batch normalisation do; Gaussian random variables.
#
# **You will see:** the maximum-entropy deformations of {cite}`petrini2021diffeo` and when they are invertible; the relative stability
# $R_f$ of a zoo of networks before and after training; why neither of its two parts is enough; what pooling has to do with it, and
# whether training finds it {cite}`tomasini2022spatial`; and a solvable model, the stripe of {cite}`paccolat2021compression`, with an exact identity.
# Everything is on images that come with the book's packages: enlarged handwritten digits, and characters drawn at random.

# %% tags=["parameters"]
law_cutoffs: list = [2, 3, 10]  # scale: cut-offs c of the laws
law_fields: int = 1000  # scale: fields per cut-off and seed for the laws
phase_cutoffs: list = [2, 3, 5]  # scale: cut-offs of the phase diagram
phase_fields: int = 50  # scale: fields per cut-off and seed for the phase diagram
dataset: str = "digits"  # scale: data set of the zoo: digits, or mnist, cifar10-subset, cifar10
networks: list = ["fc-l2", "lenet", "vgg3-bn-gap"]  # scale: the zoo
pooled_networks: list = ["vgg3-bn-gap"]  # scale: those with normalisation and global pooling
layer_network: str = "vgg3-bn-gap"  # scale: network looked at layer by layer
network_seeds: int = 2  # scale: networks of each architecture
connected_recipe: list = ["adam", 2e-3, 0.0, 1.0]  # scale: optimizer, learning rate, weight decay, cosine period
convolutional_recipe: list = ["adam", 2e-3, 0.0, 1.0]  # scale: the same for the other networks
num_steps: int = 30  # scale: training steps
batch_size: int = 64  # scale: images per step
max_shift: int = 2  # scale: largest random translation in training, in pixels
flip: bool = False  # scale: random reflections in training
num_test: int = 200  # scale: test images
num_probes: int = 100  # scale: images that are deformed
train_sizes: list = [64, 256]  # scale: numbers of training points; the zoo is compared at the last
size_networks: list = ["fc-l2", "vgg3-bn-gap"]  # scale: networks for the dependence on P, fully-connected first
size_seeds: int = 2  # scale: networks at each P
glyph_sizes: list = [128]  # scale: numbers of training points drawn at random
glyph_seeds: int = 1  # scale: networks at each P of the drawn characters
scan_displacements: list = [0.1, 1.0]  # scale: displacements of the scan, in pixels
scan_networks: list = ["fc-l2"]  # scale: networks of the scan
scale_seeds: int = 1  # scale: groups of networks for the detection of a scale
scale_networks: int = 2  # scale: networks in each of these groups
scale_steps: int = 300  # scale: their largest number of training steps
stripe_sizes: list = [64, 128]  # scale: P of the stripe model
stripe_seeds: int = 2  # scale: groups of four networks at each P of the stripe model
cutoff: int = 3  # choice: c of the deformations of images
rule: str = "repo"  # choice: modes kept, "repo" as in all published measurements, or "paper"
reduce: str = "median"  # choice: average over images, "mean", "median" or "median_coordinate"
denominator: str = "off_diagonal"  # choice: pairs in the denominator, or "all_pairs"
noise_matching: str = "per_image"  # choice: norm of the noise, or "average"
device: str = "auto"  # choice: "cpu", "cuda" or "auto"

# %% tags=["setup"]
import numpy as np
import pandas as pd

from quire import claims, stats
from quire.diffeo import error_correlation, geometric_mean
from quire.experiments import diffeo as run
from quire.experiments import diffeo_networks as nets
from quire.figures import figure
from quire.sweep import describe, grid, sweep

# %% [markdown]
# What is predicted stands in the ledger before anything runs:

# %% tags=["nbval-check-output"]
claims.expected("diffeo")

# %% [markdown]
# ## Deformations of maximal entropy
#
# A deformation moves the pixels of an image $x$ by a displacement field, $(\tau x)(s) = x(s - \tau(s))$, that vanishes on the
# frame. Among all fields with a given mean of $\|\nabla\tau\|^2$ take the one of maximal entropy: its sine modes are independent,
#
# $$\tau_u(u, v) = \sum_{(i, j) \in K_c} C_{ij} \sin(i\pi u)\sin(j\pi v),\qquad
#   C_{ij} \sim \mathcal N\Big(0, \frac{T}{i^2 + j^2}\Big),$$
#
# and likewise $\tau_v$. The temperature $T$ sets how far pixels go, the cut-off $c$ how quickly the field varies. The text of
# {cite}`petrini2021diffeo` keeps the modes with $i^2 + j^2 \le c^2$ (rule `paper`), its published code those with
# $\sqrt{i^2 + j^2} < c + \frac12$ (rule `repo`): 4 against 6 modes at $c = 3$. We use the code's rule, as all published numbers do.
#
# ```{literalinclude} /lib/quire/diffeo/ensemble.py
# :language: python
# :pyobject: MaxEntropyDiffeo.sample
# ```

# %%
cells = grid(cutoff=[2, 5, 15], multiple=[0.03, 0.3, 1.0, 3.0], rule=rule, size=56, seed=1)
pictures = sweep(run.gallery, cells, device=device)[["cutoff", "multiple", "row", "column", "brightness"]].round(3)


def draw(axes, table):
    for ax, ((c, multiple), part) in zip(axes.flat, table.groupby(["cutoff", "multiple"]), strict=True):
        ax.imshow(part.pivot(index="row", columns="column", values="brightness"), cmap="gray", interpolation="nearest")
        ax.set(title=f"$c = {c}$,  $T = {multiple:g}\\,T_\\max$", xticks=[], yticks=[])


figure(
    "diffeo-gallery", pictures, kind="custom", draw=draw, layout=(3, 4), size=(2.1, 2.2),
    caption="A ruled picture deformed at four temperatures (left to right) and three cut-offs (top to bottom).",
    alt="Twelve pictures of a square grid of lines. At low temperature lines bend gently; at T_max they come close to folding; at "
    "three times T_max they fold over themselves, in few large swirls for c = 2 and many small ones for c = 15.",
)  # fmt: skip

# %% [markdown]
# ### How far, and how steep
#
# Everything about a Gaussian field is a sum over its modes. In units of the side of the image,
#
# $$
# \begin{aligned}
# \mathbb E\|\nabla\tau\|^2 &= \frac{\pi^2}{2} T\,|K_c| \simeq \frac{\pi^3}{8} c^2 T, \\
# \mathbb E\,|\tau(\tfrac12, \tfrac12)|^2 &= 2T\!\!\sum_{i, j\ \text{odd}} \frac{1}{i^2 + j^2} \simeq \frac{\pi}{4} T\ln c .
# \end{aligned}
# $$
#
# The literature quotes the *nominal* displacement $\delta = \frac n2\sqrt{\pi T\ln c}$ in pixels, the asymptotic form. It is not what
# pixels do at small cut-offs: {claim}`diffeo.nominal-displacement`.

# %%
laws = sweep(run.laws, grid(cutoff=law_cutoffs, rule=rule, num_fields=law_fields, seed=range(4)), device=device)
laws["over_asymptotic"], laws["predicted"] = laws.measured / laws.asymptotic, laws.exact / laws.asymptotic
figure(
    "diffeo-laws", laws, x="cutoff", y="over_asymptotic", theory="predicted", hue="quantity", size=(6.0, 3.0),
    labels={"cutoff": "cut-off $c$", "over_asymptotic": "over the asymptotic law", "predicted": "exact sum over modes", "quantity": ""},
    hline=[(1.0, "")],
    caption="Energy of the field and squared displacement at the centre over their asymptotic laws: draws (points) and exact sums.",
    alt="Two curves against the cut-off that approach one, the energy from below and the squared displacement from above. At "
    "c = 3 the squared displacement is 1.6 times its asymptotic value. The points lie on the exact curves.",
)  # fmt: skip

# %%
laws["ratio"], laws["nominal"] = laws.measured / laws.exact, laws.over_asymptotic**0.5
for quantity, claim in {"gradient energy": "energy", "squared displacement": "displacement"}.items():
    ratio = laws[laws.quantity == quantity].groupby("seed").ratio.mean()
    claims.report(f"diffeo.{claim}-law", ratio.mean(), ratio.sem())
nominal = laws[(laws.quantity == "squared displacement") & (laws.cutoff == 3)].nominal
claims.report("diffeo.nominal-displacement", nominal.mean(), nominal.sem())

# %% [markdown]
# The exact sums leave nothing to fit: drawn over exact, the energy is {claim}`diffeo.energy-law`, the squared displacement
# {claim}`diffeo.displacement-law`.
#
# ### When is it a diffeomorphism?
#
# The map $s \mapsto s - \tau(s)$ is the identity on the frame. If its Jacobian is positive everywhere inside, it is a
# diffeomorphism of the square. The Jacobian is known analytically, so that for each draw the temperature at which it first
# vanishes somewhere is the root of a quadratic:
#
# ```{literalinclude} /lib/quire/diffeo/fields.py
# :language: python
# :pyobject: folding_temperature
# ```
#
# The published code stops at $T_\max = 4/(\pi^3 c^2\ln c)$. The largest of about $c^2$ Gaussian slopes explains the logarithm, and
# it matters: with it, half of the draws are invertible near $T_\max$ for every cut-off.

# %%
multiples = [0.1, 0.18, 0.32, 0.56, 1.0, 1.8, 3.2]
cells = grid(cutoff=phase_cutoffs, rule=rule, num_fields=phase_fields, multiples=[[*multiples, 0.25]], seed=range(4))
phase = sweep(run.bijectivity, cells, device=device)
figure(
    "diffeo-phase", phase[phase.multiple != 0.25], x="cutoff", y="multiple", value="probability", kind="heatmap",
    labels={"cutoff": "cut-off $c$", "multiple": "temperature / $T_\\max$", "probability": "P(diffeomorphism)"},
    caption="Probability that a field is a diffeomorphism, against the cut-off and the temperature in units of T_max.",
    alt="A heat map that is one below about half of T_max and zero above three times T_max, for every cut-off; the transition "
    "sharpens as the cut-off grows.",
)  # fmt: skip

# %%
median = phase.groupby(["cutoff", "seed"]).median_multiple.first().groupby("cutoff").agg(["mean", "sem"])
for claim, where in {"lower": median["mean"].idxmin(), "upper": median["mean"].idxmax()}.items():
    claims.report(f"diffeo.bijectivity-{claim}", *median.loc[where])
safe = phase[(phase.multiple == 0.25) & (phase.cutoff >= 3)].groupby("cutoff").probability.agg(["mean", "sem"])
claims.report("diffeo.bijectivity-safe", *safe.loc[safe["mean"].idxmin()])

# %% [markdown]
# Half of the draws fold at a multiple of $T_\max$ that hardly depends on the cut-off: the smallest over cut-offs is
# {claim}`diffeo.bijectivity-lower`, the largest {claim}`diffeo.bijectivity-upper`. At a quarter of $T_\max$ one is safe
# ({claim}`diffeo.bijectivity-safe`).
#
# On the nominal displacement $T/T_\max = (\pi c\,\delta/n)^2$. **The thing that fails:** an $8\times8$ digit deformed by $\delta = 1$
# pixel at $c = 3$ is at $1.4\,T_\max$, and folds more often than not. We therefore enlarge digits to $20\times20$ pixels and pad them to
# $28\times28$, where the same displacement sits at $0.11\,T_\max$.

# %% [markdown]
# ## Relative stability
#
# Compare the deformation with a noise $\eta$ of the *same norm*, uniform on a sphere:
#
# $$
# \begin{aligned}
# D_f &= \frac{\langle\|f(\tau x) - f(x)\|^2\rangle}{\langle\|f(x) - f(z)\|^2\rangle}, \qquad R_f = \frac{D_f}{G_f}, \\
# G_f &= \frac{\langle\|f(x + \eta) - f(x)\|^2\rangle}{\langle\|f(x) - f(z)\|^2\rangle} .
# \end{aligned}
# $$
#
# Averages are conventions, and the paper and its code differ. Here: medians over images of the squared norms, distinct pairs in the
# denominator, the noise of each image as long as its own displacement, the output before the softmax. Before training, batch
# normalisation uses the statistics of the probed batch; after it, its running averages.
#
# ```{literalinclude} /lib/quire/diffeo/relative.py
# :language: python
# :pyobject: relative_stability
# ```
#
# A random first layer has independent, isotropic rows, so that $\mathbb E\|J\Delta\|^2$ depends only on $\|\Delta\|$: a
# fully-connected network starts at $R_f = 1$, however deep (the claim is {claim}`diffeo.initial-fc`).

# %%
conventions = {
    "num_test": num_test, "num_probes": num_probes, "num_steps": num_steps, "batch_size": batch_size, "max_shift": max_shift,
    "flip": flip, "cutoff": cutoff, "rule": rule, "law": "asymptotic", "reduce": reduce, "denominator": denominator,
    "noise_matching": noise_matching, "initial_normalization": "batch", "shuffled_normalization": "reference",
    "every_layer": True,
}  # fmt: skip


def zoo(architectures, displacements=(1.0,), interpolations=("bilinear",), **axes):
    """Cells of a grid of networks, each family with its own recipe."""
    common = {**conventions, "displacements": [[*displacements]], "interpolations": [[*interpolations]], **axes}
    cells = []
    for name in architectures:
        recipe = connected_recipe if name.startswith("fc") else convolutional_recipe
        named = dict(zip(["optimizer", "learning_rate", "weight_decay", "schedule_period"], recipe, strict=True))
        cells += grid(architecture=name, **common, **named)
    return cells


# %%
cells = zoo(networks, dataset=dataset, num_train=train_sizes[-1], seed=range(network_seeds))
rows = sweep(nets.network_stability, cells, device=device)
output = rows[rows.layer == "output"]
before_after = output[output.state.isin(["initial", "trained"])]
figure(
    "diffeo-trained", before_after, x="architecture", y="relative", hue="state", kind="bar", log="y", size=(6.2, 3.2),
    hline=[(1.0, "as stable as to noise")], labels={"architecture": "", "relative": "relative stability $R_f$", "state": "network"},
    caption="Relative stability before and after training (mean and standard error over seeds), nominal displacement of one pixel.",
    alt="Bars on a logarithmic axis. Before training all architectures are near one. After training fully-connected networks and "
    "LeNet are near ten, and convolutional networks with batch normalisation are below one, down to a tenth or less.",
)  # fmt: skip


# %% tags=["nbval-check-output"]
shown = ["architecture", "state", "relative", "diffeo", "noise", "test_error"]
describe(before_after[shown], units={"test_error": "fraction"})


# %%
geometric = before_after.groupby(["state", "architecture"]).relative.apply(geometric_mean)  # (mean, standard error)
initial, trained = geometric["initial"], geometric["trained"]
connected = [name for name in networks if name.startswith("fc")]
claims.report("diffeo.initial-smallest", *min(initial))
claims.report("diffeo.initial-largest", *max(initial))
start = before_after[(before_after.state == "initial") & before_after.architecture.isin(connected)]
claims.report("diffeo.initial-fc", *geometric_mean(start.relative))
claims.report("diffeo.trained-fc", *min(trained[connected]))
claims.report("diffeo.trained-convolutional", *max(trained[pooled_networks]))

# %%
pairs = before_after.pivot(index=["architecture", "seed"], columns="state", values="relative")
change = (pairs.trained / pairs.initial).groupby("architecture").apply(geometric_mean)
claims.report("diffeo.training-raises-fc", *min(change[connected]))
claims.report("diffeo.training-lowers", *max(change[pooled_networks]))

# %% [markdown]
# Before training every architecture is near one: the smallest $R_f$ is {claim}`diffeo.initial-smallest`, the largest
# {claim}`diffeo.initial-largest`. Training moves them apart. It multiplies $R_f$ of the fully-connected networks by a factor,
# {claim}`diffeo.training-raises-fc` at least, up to {claim}`diffeo.trained-fc`; it lowers that of the convolutional networks with batch
# normalisation and global pooling, by {claim}`diffeo.training-lowers` at most, down to {claim}`diffeo.trained-convolutional`. Convolution is
# not enough for that: LeNet and the plain `vgg3`, without normalisation, end well above one, among the fully-connected ones.
#
# Fully-connected networks on digits end much higher than those of the publication on CIFAR-10 (about 3). That is no error: enlarged digits
# are smooth, so that a trained network ignores white noise very well, and the ratio to it is large.
#
# ### The interpolation does not matter, unless pixels hardly move
#
# A displacement of a fraction of a pixel tests the interpolation between pixels, not the network. With Gaussian weights the
# unperturbed image has to be smoothed by the same kernel. One draw of fields serves all displacements.

# %%
trained_on = {"dataset": dataset, "num_train": train_sizes[-1], "seed": 0, "every_layer": False}
cells = zoo(scan_networks, scan_displacements, ("bilinear", "gaussian"), **trained_on)
scan = sweep(nets.network_stability, cells, device=device)
scan["panel"] = scan.architecture + ", " + scan.state
figure(
    "diffeo-interpolation", scan, x="displacement", y="relative", hue="interpolation", col="panel", log="xy", wrap=2,
    labels={"displacement": "nominal displacement $\\delta$, pixels", "relative": "relative stability $R_f$"},
    caption="Relative stability against the size of the deformation, with two interpolations.",
    alt="Two curves per panel, for bilinear and Gaussian interpolation. In the trained convolutional network they differ by a quarter or "
    "more below one pixel, where R_f is above one, and meet from one pixel on, where it is about 0.6; in the fully-connected one they "
    "differ by a tenth to a fifth throughout.",
)  # fmt: skip

# %% [markdown]
# From one pixel on, the two interpolations agree. The figure also says what "$R_f$ is small" is about: up to a third of a pixel the trained
# convolutional network is *no more* stable to deformations than to noise, with either interpolation. So small a displacement changes
# grey values at the edges of strokes rather than where the strokes are. Hence the convention $R_f = R_f(\delta = 1)$. (One network of
# each kind.)

# %% [markdown]
# ## Which quantity follows the test error?
#
# At a fixed number of training points, average each architecture over seeds and compare.

# %%
final = output[output.state == "trained"].copy()
final["test_error"] = final.test_error.clip(lower=0.5 / num_test)  # half an image, where none is wrong
names = {"relative": "relative, $R_f$", "diffeo": "to diffeomorphisms, $D_f$", "noise": "to noise, $G_f$"}
long = final.groupby("architecture", sort=False)[[*names, "test_error"]].mean().reset_index()
long = long.melt(["architecture", "test_error"], list(names), var_name="quantity", value_name="stability")
long["quantity"] = long.quantity.map(names)
figure(
    "diffeo-error", long, x="stability", y="test_error", hue="architecture", col="quantity", kind="scatter", log="xy", share=False,
    labels={"stability": "", "test_error": "test error"}, size=(3.8, 3.0),
    caption="Test error of each architecture against its stability, averaged over seeds, at one number of training points.",
    alt="Three scatter plots with one point per architecture. The error rises with R_f, has no clear trend with D_f and falls "
    "with G_f.",
)  # fmt: skip

# %%
table = final.pivot(index="seed", columns="architecture", values=["relative", "diffeo", "noise", "test_error"])
table = table.to_numpy().reshape(len(table), 4, -1)  # seed, quantity, architecture
ranked = [
    stats.bootstrap(table, lambda draw, k=k: error_correlation(draw[:, k], draw[:, 3], ranks=True)) for k in range(3)
]
logarithmic = stats.bootstrap(table, lambda draw: error_correlation(draw[:, 0], draw[:, 3], ranks=False))
claims.report("diffeo.rank-correlation", *ranked[0])
claims.report("diffeo.log-correlation", *logarithmic)
claims.report("diffeo.diffeo-alone", abs(ranked[1][0]), ranked[1][1])
claims.report("diffeo.noise-alone", *ranked[2])
if dataset == "cifar10":
    claims.report("diffeo.cifar-correlation", *logarithmic)

# %% [markdown]
# The answer is $R_f$. Its rank correlation with the test error is {claim}`diffeo.rank-correlation`, the correlation of the logarithms
# {claim}`diffeo.log-correlation`. The stability to diffeomorphisms alone says nothing ({claim}`diffeo.diffeo-alone`, in absolute value), and
# the one to noise says the opposite of what one might wish: the better networks are the more sensitive to noise
# ({claim}`diffeo.noise-alone`). A network that ignores everything is stable to everything; what counts is to ignore the right things.
#
# Two rules keep this comparison honest. Networks that have not fitted their training set do not belong in it. And it is made at one
# $P$: between architectures $R_f$ moves, while along a learning curve of a fully-connected network the error falls at constant $R_f$.
#
# ### More data
#
# The publication finds that $R_f$ of its best networks falls with $P$ once $P$ exceeds a thousand, up to $5\cdot10^4$ images of CIFAR-10.
# Here are digits, and characters drawn at random, of which there are as many as one likes. Single networks differ by factors, so that
# a trend along $P$ takes several seeds. From the smallest to the largest set of digits $R_f$ changes by a factor: in the
# fully-connected network {claim}`diffeo.fc-flat`, in the convolutional one {claim}`diffeo.conv-falls`. Up to $10^4$ drawn characters no
# trend is seen.

# %%
sizes = zoo(size_networks, dataset=dataset, num_train=train_sizes, seed=range(size_seeds))
drawn = zoo(size_networks, dataset="glyphs", num_train=glyph_sizes, seed=range(glyph_seeds), every_layer=False)
growth = sweep(nets.network_stability, sizes + drawn, device=device)
growth = growth[(growth.layer == "output") & (growth.state == "trained")]
figure(
    "diffeo-samples", growth, x="num_train", y="relative", hue="architecture", col="dataset", log="xy", wrap=2,
    labels={"num_train": "training points $P$", "relative": "relative stability $R_f$"}, hline=[(1.0, "")],
    caption="Relative stability after training against the number of training points, for digits and for drawn characters.",
    alt="Two panels. In both, the fully-connected network stays at one level above one at every P, and the convolutional network "
    "with global pooling a factor of fifty or more below it; neither moves by more than its scatter.",
)  # fmt: skip

# %%
ends = growth[(growth.dataset == dataset) & growth.num_train.isin([train_sizes[0], train_sizes[-1]])]
ends = ends.pivot(index=["architecture", "seed"], columns="num_train", values="relative")
gain = (ends[train_sizes[-1]] / ends[train_sizes[0]]).groupby("architecture").apply(geometric_mean)
claims.report("diffeo.fc-flat", *gain[size_networks[0]])
claims.report("diffeo.conv-falls", *gain[size_networks[-1]])

# %% [markdown]
# ## Where does the stability come from?
#
# Look at hidden layers, and repeat the measurement with the input channels of every convolution permuted at random: filters keep their
# shapes, so that pooling in space survives, and pooling over channels is lost {cite}`tomasini2022spatial`.
#
# ```{literalinclude} /lib/quire/diffeo/controls.py
# :language: python
# :pyobject: shuffle_channels
# ```

# %%
layers = rows[(rows.architecture == layer_network)].melt(
    ["state", "layer", "depth", "seed"], ["relative", "diffeo", "noise"], var_name="quantity", value_name="stability"
)
layers["quantity"] = layers.quantity.map({"relative": "$R_k$", "diffeo": "$D_k$", "noise": "$G_k$"})
figure(
    "diffeo-layers", layers, x="depth", y="stability", hue="state", col="quantity", log="y", share=False, size=(3.2, 3.0),
    labels={"depth": "relative depth $k/L$", "stability": "", "state": "network"},
    caption=f"Stability of the hidden layers of {layer_network} before and after training, and with shuffled channels.",
    alt="Three panels against depth. Before training the three quantities hardly change along the layers. In the trained network "
    "the deviation under deformations falls by a factor of ten from the first layer to the last. With shuffled channels it stays "
    "at the level of the initial network, and the deviation under noise grows by more than ten, so that R_k is smallest there.",
)  # fmt: skip

# %%
hidden = rows[(rows.architecture == layer_network) & (rows.layer != "output")]
last = hidden[hidden.depth == hidden.depth.max()].pivot(index="seed", columns="state", values="diffeo")
claims.report("diffeo.channel-pooling", *geometric_mean(last.shuffled / last.trained))

# %% [markdown]
# What the trained network has gained is in $D_k$, and shuffling takes all of it away: at the last hidden layer $D$ is larger by
# {claim}`diffeo.channel-pooling`. This stability is pooling over *channels*. Do not read the first panel alone: $R_k$ of the shuffled
# network is the smallest of the three only because its sensitivity to noise $G_k$ has grown by more still, through pooling in space,
# which keeps filters of positive mean and amplifies rectified noise, as the next section shows.
#
# ### Pooling, solved
#
# Take filters that average over $F$ pixels, one active pixel, a shift by one pixel, and a noise of the same norm that the first ReLU
# rectifies. A $k$-fold average has variance $\sigma_k^2 = k(F^2 - 1)/12$. A shift is blurred away; the rectified noise has a positive mean
# that no average removes:
#
# $$D_k \simeq \frac{1}{4\sigma_k^2} \sim k^{-1},\qquad G_k \simeq \frac{(4\pi\sigma_k^2)^{d/2}}{2\pi} \sim k^{d/2},\qquad
#   R_k \sim k^{-(1 + d/2)} .$$
#
# Pooling makes a network stable to deformations *and* sensitive to noise. The points are exact sums over all positions.

# %%
cells = grid(dim=[1, 2], filter_size=3, stride=1, size=512, depth=24) + grid(
    dim=[1, 2], filter_size=2, stride=2, size=512, depth=7
)
pooling = sweep(run.pooling, cells, device=device)
smooth = pooling[pooling.stride == 1]
symbols = {"diffeo": "$D_k$", "noise": "$G_k$", "relative": "$R_k$"}
curves = pd.concat([
    smooth.assign(quantity=symbol, value=smooth[name], limit=smooth[f"{name}_limit"]) for name, symbol in symbols.items()
])  # fmt: skip
curves["dimension"] = curves.dim.map({1: "one", 2: "two"})
figure(
    "diffeo-pooling", curves, x="layers", y="value", theory="limit", hue="dimension", col="quantity", log="xy", share=False,
    size=(3.0, 2.9), labels={"layers": "layers $k$", "value": "", "limit": "large $k$", "dimension": "dimensions"},
    caption="Stability of the network with constant filters (F = 3, stride one): exact sums and their large-depth limit.",
    alt="Three panels on logarithmic axes: D_k falls as one over k, equally in both dimensions, G_k grows as the square root of k in one "
    "dimension and as k in two, and R_k falls as k to the power -3/2 and -2.",
)  # fmt: skip

# %%
deep = smooth[smooth.layers >= 6]
for claim, dim, quantity in (("diffeo", 1, "diffeo"), ("noise", 1, "noise"), ("noise-2d", 2, "noise")):
    part = deep[deep.dim == dim]
    claims.report(f"diffeo.pooling-{claim}", stats.loglog_slope(part.layers, part[quantity]).value, 0.0)
blocks = pooling[pooling.stride == 2]
claims.report("diffeo.pooling-blocks", (blocks.diffeo - 0.5**blocks.layers).abs().max())

# %% [markdown]
# From six layers on, the measured powers are {claim}`diffeo.pooling-diffeo` for $D_k$, and for $G_k$ {claim}`diffeo.pooling-noise` in one
# dimension and {claim}`diffeo.pooling-noise-2d` in two. With blocks in place of overlapping patches, $F = 2$ and stride two,
# $D_k = 2^{-k}$ exactly ({claim}`diffeo.pooling-blocks`).
#
# ### Does training find the filters that average?
#
# A task that pooling solves: a ring of $L = 64$ pixels, two of them active. Are they closer than $\xi = 16$ pixels (task `distance`), or in
# the same of four blocks of $\xi$ pixels (task `block`)? Averages over patches of up to $\xi$ pixels are enough to tell, finer positions
# are useless. The network has $H = 64$ channels and filters of two pixels with stride two, so that the patch of layer $k$ has $2^k$ pixels, and
# $k = 4$ is the scale. The deformation moves each active pixel by one; the noise has the norm of that displacement.
#
# ```{literalinclude} /lib/quire/diffeo/scale.py
# :language: python
# :pyobject: scale_labels
# ```

# %%
options = {
    "length": 64, "scale": 16, "gap": 0, "width": 64, "num_train": 1024, "batch_size": 8, "learning_rate": 0.1,
    "stop_loss": 0.01, "num_networks": scale_networks, "max_steps": scale_steps, "num_probes": 500,
}  # fmt: skip
scale = sweep(nets.scale_detection, grid(task=["distance", "block"], seed=range(scale_seeds), **options), device=device)
curves = pd.concat([
    scale.assign(panel=scale.task + f", {symbol}", value=scale[name], pooling=scale[f"{name}_pooling"].where(lambda v: v > 0))
    for name, symbol in {"diffeo": "$D_k$", "noise": "$G_k$"}.items()
])  # fmt: skip
figure(
    "diffeo-scale", curves, x="layer", y="value", theory="pooling", hue="state", col="panel", log="y", wrap=2, share=False,
    labels={"layer": "layer $k$", "value": "", "pooling": "constant filters", "state": "network"}, size=(3.6, 2.6),
    caption="Stability of the layers of networks that detect a scale, before and after training, and pooling theory (F = s = 2).",
    alt="Four panels against the layer, two tasks by two quantities. Trained networks move from the initial curve towards pooling "
    "theory in their deviation under shifts, by a factor of two at the layer of the scale and of three to five at the last. Their "
    "deviation under noise falls below the initial one, while that of constant filters grows.",
)  # fmt: skip

# %%
spectrum = pd.concat([
    scale.assign(share=scale.zero_mode, of=scale.state + " filters"),
    scale[scale.state == "trained"].assign(share=lambda part: part.zero_mode_of_change, of="change in training"),
])  # fmt: skip
figure(
    "diffeo-filters", spectrum, x="patch", y="share", hue="of", col="task", log="x", hline=[(0.5, "no preference")],
    vline=[(16, "scale $\\xi$")], labels={"patch": "patch of the layer $2^k$, pixels", "share": "share of the zero mode", "of": ""},
    caption="Low-pass content of the filters of each layer, of all weights and of what training added to them.",
    alt="Two panels. The share of all weights stays near one half in every layer but the first, whose filters are few. That of the "
    "change in the task of distances falls from 0.7 in the first layer through one half near the scale to 0.25 at twice the scale; in "
    "the task of blocks it stays near one half up to the scale and is above it beyond.",
)  # fmt: skip

# %%
keys = ["task", "seed", "network"]
middle = scale[scale.patch == 16].pivot(index=keys, columns="state", values=["diffeo", "noise"])
share = scale.groupby([*keys, "state"]).zero_mode.mean().unstack()
shares = (share.trained / share.initial).groupby("task").apply(geometric_mean)
moved, shaken = (
    (middle[q].trained / middle[q].initial).groupby("task").apply(geometric_mean) for q in ("diffeo", "noise")
)
below = scale[(scale.state == "trained") & (scale.patch <= 16)].groupby(keys).zero_mode_of_change.mean()
below = below.groupby("task").agg(["mean", "sem"])
claims.report("diffeo.scale-filters", *min(shares))
claims.report("diffeo.scale-change", *below.loc[below["mean"].idxmin()])
claims.report("diffeo.scale-stability", *max(moved))
claims.report("diffeo.scale-noise", *min(shaken))

# %% [markdown]
# Training does make the network stable to shifts ({claim}`diffeo.scale-stability`), but not by turning single filters into averages
# ({claim}`diffeo.scale-filters`). At this width most of the $H^2$ filters of a layer stay what they were at random, and a few combinations
# of channels change: this is pooling over channels. In what training *adds*, the task of distances shows the scale: averages below it,
# differences beyond, where two patches have to be compared. The task of blocks does not ({claim}`diffeo.scale-change`). The deviation under
# noise falls, against the claim ({claim}`diffeo.scale-noise`): the measure divides by the spread of the responses to different images, which
# training widens, and random layers take most of the noise for signal to begin with.

# %% [markdown]
# ## A solvable invariance: the stripe
#
# Points $x \sim \mathcal N(0, \mathrm{Id}_d)$ in $d = 10$ dimensions, a label that depends on $x_1$ only, and a network with one hidden
# layer trained from very small weights. Its weights turn to the informative direction; the *compression factor* $\Lambda$ is the ratio of
# their components, and {cite}`paccolat2021compression` predicts $\Lambda \sim \sqrt P$. The deformations of this model are noises in the
# $d - 1$ directions that the label ignores. For small ones, with $\Lambda_f$ the anisotropy of the gradient of $f$,
#
# $$R_f = \frac{d}{\Lambda_f^2 + d - 1} .$$
#
# This is exact ({claim}`diffeo.stripe-identity`), and it is $\Lambda_f$ that enters, not the weights' $\Lambda$: perpendicular components of the neurons partly cancel in $f$.

# %%
options = {
    "num_networks": 4,
    "dim": 10,
    "num_hidden": 128,
    "initial_scale": 1e-4,
    "learning_rate": 1.0,
    "max_steps": 8000,
    "num_test": 4000,
}
cells = grid(num_train=stripe_sizes, seed=range(stripe_seeds), target_loss=[0.3, 0.01], noises=[[0.01, 0.1]], **options)
stripes = sweep(run.stripes, cells, device=device)
stripes = stripes[stripes.converged]
end = stripes[stripes.target_loss == 0.01]
exact = end[end.noise_norm == 0.01]
figure(
    "diffeo-stripe", exact, x="predicted", y="relative", hue="num_train", kind="scatter", log="xy", theory="predicted",
    labels={"predicted": "$d / (\\Lambda_f^2 + d - 1)$", "relative": "measured $R_f$", "num_train": "training points $P$"},
    caption="Measured relative stability of stripe networks against the small-noise identity; one point per network.",
    alt="Points on the diagonal over three decades: the measured ratio equals the prediction from the gradient's anisotropy.",
)  # fmt: skip

# %%
lambdas = pd.concat([
    stripes.assign(measure="$\\Lambda$ of the weights", value=stripes.compression),
    stripes.assign(measure="$\\Lambda_f$ of the gradient", value=stripes.gradient_anisotropy),
])  # fmt: skip
lambdas["stop"] = lambdas.target_loss.map({0.3: "training loss 0.3", 0.01: "training loss 0.01"})
figure(
    "diffeo-compression", lambdas[lambdas.noise_norm == 0.01], x="num_train", y="value", hue="measure", col="stop", log="xy", wrap=2,
    slopes=[(0.5, "$\\sqrt{P}$")], labels={"num_train": "training points $P$", "value": "compression factor", "measure": ""},
    caption="Compression of the stripe network early and late in training, of its weights and of its gradient.",
    limits={"x": (stripe_sizes[0] / 2, 2 * max(stripe_sizes[-1], 5 * stripe_sizes[0]))},
    alt="Two panels with rising curves. When 70 % of the loss is gone the compression grows somewhat faster than the square root "
    "of P; at the end of training it is larger, and the anisotropy of the gradient grows nearly in proportion to P.",
)  # fmt: skip

# %%
quotient = exact.relative / exact.predicted
claims.report("diffeo.stripe-identity", quotient.mean(), quotient.sem())
curve = stripes[stripes.noise_norm == 0.1].copy()
curve["test_error"] = curve.test_error.clip(lower=1e-4)
values = ["compression", "relative", "test_error"]
curve = np.log(curve.set_index(["target_loss", "seed", "num_train"])[values]).groupby(level=[0, 1, 2]).mean()
curve = np.exp(curve).reset_index()
slopes = {(loss, name): stats.slope_over_seeds(part, x="num_train", y=name, seed="seed")
          for loss, part in curve.groupby("target_loss") for name in values}  # fmt: skip
reported = {"alignment": (0.3, "compression"), "compression": (0.01, "compression"), "stability": (0.01, "relative"),
            "error": (0.01, "test_error")}  # fmt: skip
for claim, key in reported.items():
    claims.report(f"diffeo.stripe-{claim}", slopes[key].value, slopes[key].stderr)

# %% [markdown]
# The argument for $\Lambda \sim \sqrt P$ is about the first stage of training: the gradient along the stripe is the same for every $P$, those
# across it are fluctuations of order $1/\sqrt P$ ({claim}`diffeo.stripe-alignment`). Once the weights are aligned, the misfits left are
# close to the two boundaries, which $P$ points locate to within about $1/P$, and the compression goes on: at the end of training
# that of the weights is steeper than $\sqrt P$ ({claim}`diffeo.stripe-compression`), that of the gradient nearly proportional to $P$. By the
# identity above $R_f$ then falls nearly as $P^{-2}$ ({claim}`diffeo.stripe-stability`), and the error nearly as $1/P$, the precision of the
# boundaries, faster than the prediction for large $P$ ({claim}`diffeo.stripe-error`).

# %% [markdown]
# ## What the run says

# %%
claims.scoreboard("diffeo")

# %% [markdown]
# ## Try it
#
# 1. *Means instead of medians.* `quire run diffeo --profile book -p reduce=mean`: the values of $R_f$ move, most for networks with global
#    pooling; `diffeo.rank-correlation` should keep its verdict.
# 2. *The modes of the paper's text.* `quire run diffeo --profile book -p rule=paper`: fewer modes at $c = 3$, so that
#    `diffeo.nominal-displacement` should fail (the ratio becomes 1.08), while the exact laws hold.
# 3. *Another data set.* `quire run diffeo --profile book -p dataset=mnist`: it needs a download; trained fully-connected networks should come
#    closer to one, because the digits of MNIST have sharper strokes.
