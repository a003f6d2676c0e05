# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Spatial scales: what deep convolutional kernels adapt to
#
# *A deep CNN with non-overlapping filters learns a target at the pace set by the size of the patches that the target combines, not
# by the size of the input; only a target that combines the whole input is cursed.*
#
# Reading: 20 minutes. Running: 15 seconds at smoke scale, 2 to 4 minutes at book scale, on two cores.

# %% [markdown]
# **You need:** kernel regression and learning curves, as in the chapter on [locality](locality.ipynb); Fourier series.
#
# **You will see:** the kernels of deep CNNs with any filters as one recursion on a tree {cite}`cagnetta2023deep`; their
# spectra, which split into sectors, one per level of the tree; a fully-connected student that fails on local targets and a
# convolutional one that does not; a theory without fit that gives every point of both curves; which of two exponents in
# circulation is right, and why; an upper bound that is a theorem, beside the curve that it bounds; and networks of finite width,
# trained, beside their kernel.

# %% tags=["parameters"]
grid_points: int = 262144  # scale: angles of the grids on which spectra are computed, in [4096, 67108864]
theory_points: int = 65536  # scale: the same for the spectra that enter the theory, in [4096, 67108864]
average_nodes: int = 8  # scale: angles of each patch over which these spectra are averaged, in [2, 32]
sizes: list = [16, 32, 64, 128, 256]  # scale: numbers P of training points, in [2, 16384]
window: list = [64, 256]  # scale: [first, last] P of the fitted exponents, in [2, 16384]
num_modes: int = 2000  # scale: Gaussian features of the student without harmonics, in [100, 200000]
num_test: int = 128  # scale: test points, in [1, 16384]
seeds: int = 2  # scale: independent data sets, in [1, 1000]
cursed_filters: list = [[2, 2], [3, 2]]  # scale: [s_1, s_2] of the depth-three networks, in [2, 4]
network_sizes: list = [8, 16]  # scale: numbers of training points of the trained networks, in [2, 1024]
widths: list = [32, 256]  # scale: channels of the trained networks, in [1, 4096]
network_seeds: int = 1  # scale: data sets for the trained networks, four networks each, in [1, 1000]
num_steps: int = 100  # scale: steps of gradient descent, in [1, 100000]
filters: list = [2, 2, 2]  # choice: [s_1, s_2, s_3] filter sizes of the deepest network, in [2, 3]
kind: str = "ntk"  # choice: kernel of students and targets, one of ntk|nngp
ridge_factor: float = 4.0  # choice: ridge of the bounded curve, in units of K(x, x), in [0.01, 1000]
device: str = "auto"  # choice: "auto", "cpu" or "cuda"

# %% tags=["setup"]
from quire import claims
from quire.experiments.spatial_scales import (
    cells,
    curve_cells,
    drawings,
    gaussian_cells,
    gaussian_measures,
    measures,
    network_cells,
    network_measures,
)
from quire.figures import Level, bars, curves, custom, figure, label_columns
from quire.sweep import describe, grid, replicates, sweep

levels = list(range(1, len(filters) + 1))
label_columns(
    "spatial_scales",
    wavenumber="wavenumber |k|",
    eigenvalue="eigenvalue",
    level="sector",
    predicted_eigenvalue="predicted power",
    samples="training points P",
    local_exponent="local exponent",
    derived="derived limit",
    error="mean squared test error",
    predicted_error="theory, no fit",
    value="exponent of the error",
    source="",
    shown="mean squared test error",
    ceiling="upper bound (ridge)",
    ratio="error over its reference",
    features="",
    channels="channels H",
)

# %% [markdown]
# What is predicted stands in the ledger before anything runs:

# %% tags=["nbval-check-output"]
claims.expected("spatial_scales")

# %% [markdown]
# ## A tree of patches
#
# Cut the input into patches of $s_1$ numbers. A node of level 1 looks at one patch, a node of level $l$ at $s_l$ nodes of level
# $l - 1$; the inputs below it are its *meta-patch*. Each patch is a point on the unit sphere of dimension $s_1 - 1$, so that a
# meta-patch of level $l$ has
#
# $$d_\mathrm{eff}(l) = (s_1 - 1)\, s_2 \cdots s_l$$
#
# degrees of freedom. A target *of depth $l+1$* is a random function made by the same tree cut at level $l$: a sum over
# meta-patches of level $l$ of functions that are generic on each. With filters of size two, patches are angles, and the four
# patches of the depth-four tree give $d_\mathrm{eff} = 1, 2, 4$.

# %%
nodes = sweep(cells.tree_nodes, grid(filter_sizes=[filters]))
figure(
    "spatial_scales-tree",
    custom(drawings.draw_tree, nodes, size=(6.5, 2.6)),
    caption="The tree of the depth-four network: inputs (squares), and for each node the meta-patch below it with its dimension.",
    alt="A binary tree over eight inputs. Level one has four boxes of two inputs with one degree of freedom each, level two has two "
    "boxes of four inputs with two degrees of freedom, level three has one box over all inputs with four degrees of freedom.",
)

# %% [markdown]
# ## One recursion for all the kernels
#
# At infinite width everything follows from the cosines $t_i = x_i \cdot y_i$ of the patches. With the arc-cosine functions
# $\kappa_0(t) = 1 - \arccos(t)/\pi$ and $\kappa_1(t) = [\sqrt{1-t^2} + t\,(\pi - \arccos t)]/\pi$ {cite}`cho2009kernel`,
#
# $$
# \begin{aligned}
# R^0 &= N^0 = t, \qquad A = \operatorname*{mean}_\mathrm{children} R^{l-1}, \qquad B = \operatorname*{mean}_\mathrm{children} N^{l-1}, \\
# R^l &= \kappa_1(A), \qquad N^l = \kappa_1(A) + \kappa_0(A)\, B .
# \end{aligned}
# $$
#
# $R$ is the covariance of a random network (NNGP), $N$ the neural tangent kernel {cite}`jacot2018ntk`, and the mean over the top
# nodes reads them out. The code runs on minus the cosines and carries a factor of $\pi$, so as to pass over memory as little as it
# can; every level is read out on the way, and the targets of all depths come with the student for free.
#
# ```{literalinclude} /lib/quire/deep_kernels/recursion.py
# :language: python
# :pyobject: propagate
# ```
#
# It equals neural-tangents' `stax` {cite}`novak2020neural` to rounding, for any sequence of filters; that is a test, not a figure.

# %% [markdown]
# ## The spectrum splits into sectors
#
# The kernels depend on the angles between patches only, so that products of harmonics diagonalise them. A mode belongs to *sector*
# $l$ if the patches on which it varies fit in one meta-patch of level $l$ but in none of level $l-1$. Each level of the tree adds a
# cusp $|\theta|^{2\nu}$ at coinciding meta-patches ($2\nu = 1$ for the NTK, $3$ for the NNGP), whence
#
# $$\Lambda_k \sim |k|^{-2\nu - d_\mathrm{eff}(l)}\qquad\text{in sector } l.$$
#
# The more patches a mode joins, the faster its eigenvalue decays: the kernel prefers functions of few, close patches.

# %%
angles = dict(grid_points=grid_points, average_nodes=average_nodes, max_modes=512)
decays = sweep(cells.sector_decays, grid(filter_sizes=[filters], kind=["ntk", "nngp"], level=levels, **angles))
for kernel in ("ntk", "nngp"):
    for level in (1, 2, 3):
        slope = measures.decay_exponent(decays, kind=kernel, level=level)
        claims.report(f"spatial_scales.decay-{kernel}-{level}", slope)

# %%
theory = "predicted_eigenvalue"
axes = dict(x="wavenumber", y="eigenvalue", by="level", panels="kernel", theory=theory, log="xy")
figure(
    "spatial_scales-sectors",
    curves(measures.sector_table(decays), **axes),
    caption="Eigenvalues along the diagonal of each sector (all its patches vary alike), and the predicted powers through the last one.",
    alt="Two panels of falling curves on logarithmic axes, one per kernel. In each the eigenvalues of sectors one, two and three fall "
    "with increasing steepness and end parallel to dashed power laws; in sector one even wavenumbers lie on a line above the odd ones.",
)

# %% [markdown]
# The slopes are read from the upper half of the wavenumbers that the grid resolves, with neighbours averaged: {claim}`spatial_scales.decay-ntk-1`,
# {claim}`spatial_scales.decay-ntk-2`, {claim}`spatial_scales.decay-ntk-3` for the NTK;
# {claim}`spatial_scales.decay-nngp-1`, {claim}`spatial_scales.decay-nngp-2`, {claim}`spatial_scales.decay-nngp-3` for the NNGP. Read
# them at low wavenumbers and they come out wrong: in sector 1 the odd harmonics are small (a single layer has none beyond the first)
# and approach the power from another side than the even ones.

# %% [markdown]
# ## From spectra to exponents
#
# After $P$ points a ridgeless student has learned the modes with $\Lambda_k > \kappa(P)$. Its widest sector, $L$, holds most of them:
# $P \sim \kappa^{-d_L/(2\nu_S + d_L)}$ with $d_l = d_\mathrm{eff}(l)$, so $\kappa \sim P^{-(1 + 2\nu_S/d_L)}$. In sector $l$ the target's
# modes beyond $|k| \sim \kappa^{-1/(2\nu_S + d_l)}$ are missed, a power of $\kappa^{2\nu_T/(2\nu_S+d_l)}$; what is learned keeps a residual
# of order $\kappa^2$ at least. Hence
#
# $$\beta = \Big(1 + \frac{2\nu_S}{d_L}\Big)\,\min\Big(2,\ \frac{2\nu_T}{2\nu_S + d_l}\Big).$$
#
# Often quoted instead is $\beta = 2\nu_T/d_l$. The two agree for $l = L$, and only there: the quoted form forgets that the student
# spends its points on all of its modes, of which most join patches that the target does not join. Which one is right can be seen
# without any data, by solving the self-consistent theory {cite}`bordelon2020spectrum,canatar2021spectral,simon2023eigenlearning`
# with pure power laws at sizes that no computer reaches:

# %%
predicted = sweep(cells.predicted_exponents, grid(filter_sizes=[filters], teacher_level=levels, kind=["ntk", "nngp"]))
own = predicted[predicted.kind == kind]
decades = [10.0**k for k in range(2, 14)]
asked = grid(filter_sizes=[filters], teacher_level=levels, sizes=[decades], kind=kind)
asymptotics = sweep(cells.asymptotic_exponents, asked)
for level in (1, 2, 3):
    claims.report(f"spatial_scales.asymptote-{level}", measures.last_local_exponent(asymptotics, level=level))

# %%
shown = measures.asymptotic_table(asymptotics, own)
figure(
    "spatial_scales-exponents",
    curves(shown, x="samples", y="local_exponent", by="target", theory="derived", log="x", size=(5.0, 3.4)),
    *drawings.quoted_levels(own),
    caption="Local exponents of the theory for pure power laws in each sector: the derived limits, and the quoted values for shallow targets.",
    alt="Three sets of points, the local exponent against P from a hundred to ten trillion. They fall slowly onto the derived values for "
    "targets of depth two, three and four (dashed); the quoted values for depths two and three lie above them.",
)

# %% [markdown]
# The derived form it is: {claim}`spatial_scales.asymptote-1`, {claim}`spatial_scales.asymptote-2`, {claim}`spatial_scales.asymptote-3`.
# The approach is slow. At sizes that one can afford the exponents are not yet at their limits, which is why the claims on
# measured curves below are about the theory in the same window, not about the asymptotes. And adaptation survives in
# the right form: as the student's $d_L$ grows, $\beta \to 2\nu_T/(2\nu_S + d_l)$, which knows the target's scale and not the input's.

# %% [markdown]
# ## What fails: a fully-connected student
#
# A fully-connected network of the same depth is the tree with one patch that holds the whole input. All of its sectors are as wide
# as the input, $\Lambda_k \sim |k|^{-2\nu - d}$ whatever patches a mode joins. The same argument then gives $\beta = 2\nu_T/d$ for
# *every* target: simple targets are not learned faster.

# %%
students = dict(filter_sizes=[filters], student=["fc", "cnn"], teacher_levels=[levels])
shared = students | dict(sizes=[sizes], ridge_factor=ridge_factor, kind=kind)
asked = grid(**shared, num_test=num_test, seed=replicates(seeds))
measured = sweep(curve_cells.learning_curves, asked, device=device)
angles = dict(grid_points=theory_points, average_nodes=average_nodes)
theory = sweep(curve_cells.theory_curves, grid(**shared, **angles))
learned = measures.beside_theory(measured, theory)

# %% tags=["nbval-check-output"]
describe(learned, units={"samples": "points", "error": "mean squared", "bound": "mean squared"})

# %%
look = dict(x="samples", y="error", theory="predicted_error", log="xy", size=(5.0, 3.4))
figure(
    "spatial_scales-connected",
    curves(learned[learned.student == "fc"], by="target", **look),
    caption="A fully-connected student of the same depth on targets of three scales: measured errors, and the theory without fit.",
    alt="Three curves of the test error against P on logarithmic axes. The error on the depth-two target first drops and then "
    "bends into the same slow decay as those on the depth-three and depth-four targets; dashed theory curves run through the points.",
)

# %% [markdown]
# ## What works: a convolutional student
#
# The same targets, the same points, the same theory, with the kernel of the tree. Now the error decays faster the smaller the target's
# meta-patches, and one student adapts to all of them without being told.

# %%
figure(
    "spatial_scales-curves",
    curves(learned[learned.student == "cnn"], by="target", **look),
    *drawings.asymptotic_powers(own),
    caption="A convolutional student of depth four on targets of three scales; long dashes: the derived asymptotic powers.",
    alt="Three curves of the test error against P on logarithmic axes, well separated: steepest for the depth-two target, slower for "
    "depth three, slowest for depth four. Dashed theory curves run through the points and join the asymptotic powers at large P.",
)

# %%
for level in (1, 2, 3):
    claims.report(f"spatial_scales.theory-{level}", measures.worst_ratio(learned, level=level))
    slope = measures.exponent(learned, level=level, window=window)
    claims.report(f"spatial_scales.slope-{level}", slope)

# %%
claims.report("spatial_scales.connected-price", measures.connected_price(learned, samples=max(window)))
slope = measures.exponent(learned, level=1, window=window, student="fc")
claims.report("spatial_scales.connected-slope", slope)

# %% [markdown]
# The theory has no free parameter, and this is how far off it is where it is worst: {claim}`spatial_scales.theory-1`,
# {claim}`spatial_scales.theory-2`, {claim}`spatial_scales.theory-3`. The measured exponents follow it, {claim}`spatial_scales.slope-1`, {claim}`spatial_scales.slope-2`,
# {claim}`spatial_scales.slope-3`: one student, three targets, and the smaller the target's meta-patch, the faster the error decays. The
# first rules out the quoted $2\nu/d_1 = 1$. The fully-connected student pays {claim}`spatial_scales.connected-price` on the simplest target and keeps losing ground, {claim}`spatial_scales.connected-slope`.

# %% [markdown]
# ### The formula on six cases
#
# The NTK is rough, $2\nu = 1$. With the NNGP for both student and target, $2\nu = 3$, the same formula gives exponents
# that are more than twice as large, and it moves away from the quoted one by more: $\frac74\cdot\frac34$ against 3 for the depth-two target.

# %%
features = students | dict(student="cnn", sizes=[sizes], ridge_factor=ridge_factor, kind="nngp")
asked = grid(**features, num_test=num_test, seed=replicates(seeds))
smooth = sweep(curve_cells.learning_curves, asked, device=device)
for level in (1, 2, 3):
    slope = measures.exponent(smooth, level=level, window=window)
    claims.report(f"spatial_scales.features-{level}", slope)

# %%
shown = measures.formula_table(measures.by_kernel(measured, smooth), predicted, window=window)
figure(
    "spatial_scales-formula",
    bars(shown, x="target", y="value", by="source", panels="kernel", error="stderr", share=False),
    caption="Exponents measured in the window, the derived formula, and the quoted one, for two kernels and three targets.",
    alt="Two panels of bars, NTK and NNGP. In both the measured exponents lie close to the derived ones for all three targets; the quoted "
    "ones agree for the depth-four target only and are about twice too large for the depth-two target.",
)

# %% [markdown]
# Exponents of the NNGP students, in the same window as above, for the target of depth two: {claim}`spatial_scales.features-1`; of depth
# three: {claim}`spatial_scales.features-2`; of depth four: {claim}`spatial_scales.features-3`. The first is a little steeper than the
# theory, and that has a reason.

# %% [markdown]
# ### Where the theory ends
#
# The theory knows the spectrum of a kernel and nothing else about its features. It is exact, up to terms in $1/P$, if the features are
# Gaussian. The harmonics of a few angles are not: all of those that vary on one patch are functions of a single number. The smoother the kernel, the fewer
# of them carry a target of depth two. Whether this matters can be tested. Keep the spectrum, draw each feature of each point from a normal
# distribution instead, and learn the same target:
#
# ```{literalinclude} /lib/quire/experiments/spatial_scales/gaussian_cells.py
# :language: python
# :pyobject: _covariances
# ```

# %%
asked = dict(
    filter_sizes=[filters], teacher_level=1, sizes=[sizes], num_test=num_test, kind="nngp", num_modes=num_modes
)
gaussian = sweep(gaussian_cells.gaussian_curves, grid(**asked, **angles, seed=replicates(seeds)), device=device)
theory = sweep(curve_cells.theory_curves, grid(**features, **angles))
compared = gaussian_measures.over_theory(smooth, gaussian, theory, level=1)
for name, kept in (("features", gaussian_measures.OWN), ("gaussian", gaussian_measures.GAUSSIAN)):
    ratio = gaussian_measures.last_ratio(compared, features=kept, samples=max(window))
    claims.report(f"spatial_scales.{name}-largest", ratio)

# %%
figure(
    "spatial_scales-gaussian",
    curves(compared, x="samples", y="ratio", by="features", log="x", size=(5.0, 3.4)),
    Level(1.0, "theory"),
    caption="Errors of a random-feature student on a target of depth two, over the theory without fit: with the kernel's own features, "
    "and with Gaussian ones of the same spectrum.",
    alt="Two curves of the measured over the predicted error against P. With Gaussian features the ratio stays at one; with the "
    "harmonics of the kernel it lies around one for few points and falls steadily below it for many.",
)

# %% [markdown]
# At the largest $P$ of the window, measured over predicted is {claim}`spatial_scales.features-largest` with the kernel's own features and
# {claim}`spatial_scales.gaussian-largest` with Gaussian ones. What is off is the assumption about the features, not the spectrum: the
# price, in per cents, of a theory that needs nothing but a spectrum.

# %% [markdown]
# ## A bound that is a theorem
#
# The theory is an approximation, if a very good one. What can be *proved* about these curves? Take a ridge $\delta$, and add the test
# point to the training set. All $P+1$ points are alike, so the mean test error is the mean squared *leave-one-out* residual of a fit to
# all of them. That residual is the fit's own one divided by $1 - H_{ii}$ with $H = K(K+\delta)^{-1}$, hence larger by a factor of
# at most $1 + K(x,x)/\delta$; and the fit minimises the mean squared residual plus a penalty, which no function can undercut,
# in particular not the one that is best on average:
#
# $$\mathbb E\big[(f(x_*)-y_*)^2\big] \le \Big(1 + \frac{K(x,x)}{\delta}\Big)^2 \sum_k \mathbb E[c_k^2]\,\frac{\mu}{\Lambda_k + \mu},
#   \qquad \mu = \frac{\delta}{P+1} .$$
#
# It holds for every $P$ and every $\delta > 0$, in the mean over training sets, for a noiseless target with coefficients $c_k$; no constant
# is left open. It says nothing about the ridgeless student. With fixed $\delta$ it decays with the exponent
# $2\nu_T/(2\nu_S + d_l)$: slower than the ridgeless curve by the factor $1 + 2\nu_S/d_L$, but adapted to the target's scale, *and with no
# trace of the input's size*. The published bounds of {cite}`cagnetta2023deep` come from the same two properties of the spectrum (how
# fast it decays, and how the target's power decays with it) and allow for noise, at the price of constants.
#
# ```{literalinclude} /lib/quire/regression/bound.py
# :language: python
# :pyobject: error_bound
# ```

# %%
axes = dict(x="samples", y="shown", by="curve", panels="target", theory="ceiling", log="xy")
figure(
    "spatial_scales-bound",
    curves(measures.ridge_and_ridgeless(learned), **axes),
    caption="Measured errors with a ridge of 4 K(x,x), their proven upper bound (dashed), and the ridgeless errors of the figure above.",
    alt="Three panels, one per target. In each the dashed bound lies above the measured curve with ridge everywhere and falls with it, at "
    "a distance of a factor two to four; the ridgeless curve lies below both.",
)

# %%
claims.report("spatial_scales.bound", measures.largest_share_of_bound(learned))

# %% [markdown]
# The largest share of the bound that a measured error takes: {claim}`spatial_scales.bound`.

# %% [markdown]
# ## Cursed by the whole input
#
# If the target is as deep as the student, $\beta = 2\nu/d_L$: the effective dimension of the whole input. Depth-three networks show it,
# with $d_\mathrm{eff} = 2, 3, 4$ for filters $(2,2)$, $(2,3)$, $(2,4)$. What counts is the dimension, not the number of inputs or of
# patches: $(3,2)$, with six inputs in two patches on ordinary spheres, has $d_\mathrm{eff} = 4$ as $(2,4)$ has, with eight inputs on four circles.

# %%
students = dict(filter_sizes=cursed_filters, student="cnn", teacher_levels=[[2]])
shared = students | dict(sizes=[sizes], ridge_factor=ridge_factor, kind=kind)
asked = grid(**shared, num_test=num_test, seed=replicates(seeds))
measured = sweep(curve_cells.learning_curves, asked, device=device)
theory = sweep(curve_cells.theory_curves, grid(**shared, **angles))
cursed = measures.cursed_table(measured, theory)

# %%
figure(
    "spatial_scales-cursed",
    curves(cursed, by="filters", **look),
    caption="Depth-three students on targets of their own depth: the error is set by the dimension of the whole input.",
    alt="Curves of the test error against P on logarithmic axes for several filter sizes. The one with two degrees of freedom is "
    "steepest; those with three and four are slower, and the two architectures with four run almost parallel. Theory runs through all.",
)

# %%
for first, second in ((2, 2), (2, 3), (2, 4), (3, 2)):
    slope = measures.cursed_exponent(cursed, filters=(first, second), window=window)
    claims.report(f"spatial_scales.cursed-{first}-{second}", slope)

# %% [markdown]
# Filters (2, 2): {claim}`spatial_scales.cursed-2-2`; (2, 3): {claim}`spatial_scales.cursed-2-3`; (2, 4):
# {claim}`spatial_scales.cursed-2-4`; (3, 2): {claim}`spatial_scales.cursed-3-2`. The larger the patch that the target uses, the slower.

# %% [markdown]
# ## A network of finite width
#
# Do real networks do this? In the regime where the kernel describes them, they must. Networks of the same tree with $H$ channels are
# trained by full-batch gradient descent with momentum on $P$ points of a depth-three target, each with its own target and its own weights; kernel
# regression gets the same points. Many small networks train at once: a non-overlapping convolution is a linear map of reshaped
# patches, so that a batch of networks is a chain of batched matrix products.
#
# ```{literalinclude} /lib/quire/deep_kernels/network.py
# :language: python
# :pyobject: _outputs
# ```

# %%
drawn = dict(num_networks=4, num_test=512, num_steps=num_steps, seed=replicates(network_seeds))
network = dict(filter_sizes=[filters], teacher_level=min(2, len(filters)), samples=network_sizes, width=widths)
networks = sweep(network_cells.finite_width, grid(**network, **drawn), device=device)
claims.report("spatial_scales.finite-width", network_measures.relative_error(networks, width=256))
claims.report("spatial_scales.finite-width-order", network_measures.width_order(networks))

# %%
figure(
    "spatial_scales-networks",
    curves(network_measures.over_kernel(networks), x="samples", y="ratio", by="channels", log="x"),
    Level(1.0, "kernel"),
    caption="Trained networks of two widths beside the kernel of infinite width, on the same points and targets.",
    alt="The error of trained networks relative to that of kernel regression against P. The wide networks lie close to one, the "
    "narrow ones clearly above.",
)

# %% [markdown]
# At width 256 the error of the network over that of its kernel is {claim}`spatial_scales.finite-width`. This is the lazy regime, where depth and locality help through the kernel alone. What networks gain when
# they move their features is the subject of the [chapters](hierarchy.ipynb) [that](language.ipynb) follow.

# %% [markdown]
# ## What the run says

# %%
claims.scoreboard("spatial_scales")

# %% [markdown]
# ## Try it
#
# 1. *Random features.* `quire run spatial_scales --profile book -p kind=nngp`: eigenvalues decay faster, and $\beta$ becomes
#    $\frac74 \min(2, 3/(3 + d_l))$ for all the students. `spatial_scales.slope-1` and its neighbours should fail (the exponents more
#    than double), while `spatial_scales.features-3` and `spatial_scales.bound` hold.
# 2. *A bound for another ridge.* `quire run spatial_scales --profile book -p ridge_factor=0.25`: the factor in front of the bound becomes 25.
#    The bound is far looser and `spatial_scales.bound` holds with a smaller value.
# 3. *More data sets.* `quire run spatial_scales --profile book -p seeds=16`: the error of `spatial_scales.theory-1` shrinks, its value should
#    not move by more than twice the error that it has now.
