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
# # Phase collapse
#
# *Why do networks need a nonlinearity? Perhaps to discard the phases of their coefficients. Thresholds that keep the phases, which is what sparsity
# would ask for, leave nothing of the mean of a class whose images may stand anywhere; whether that matters depends on the images.*
#
# Reading: 15 minutes. Running: seconds at smoke scale, about two minutes at book scale, on two cores.

# %% [markdown]
# **You need:** Fourier transforms and complex numbers; what a linear classifier is. The chapter on multiscale image models introduces the
# textures.
#
# **You will see:** what a small shift does to a wavelet coefficient; a theorem about classes with symmetric phases, and its two sides on
# digits and on textures, exact and cheap {cite}`guth2022phase`; where digits do *not* follow it; and networks in which only channels are
# mixed by learned weights, with one nonlinearity or the other.

# %% tags=["parameters"]
mean_parts: int = 1  # scale: parts of the digits, of which class means are taken, in [1, 20]
side: int = 8  # scale: of the lattice of the textures, in [8, 256]
fields: int = 60  # scale: textures of each class, in [12, 100000]
loops: int = 5  # scale: of their sampler, in [1, 10000]
texture_seeds: int = 1  # scale: sets of them, in [1, 100]
digit_seeds: int = 1  # scale: splits and shifts of digits, in [1, 100]
images: str = "digits"  # scale: that networks classify, one of digits|cifar10-subset|cifar10
train_images: int = 100  # scale: to train them on, in [10, 50000]
epochs: int = 1  # scale: of their training, in [1, 10000]
net_seeds: int = 1  # scale: networks of each kind, in [1, 100]
learning_rate: float = 0.1  # choice: of their training, in [0.0001, 10]
device: str = "auto"  # choice: "cpu", "cuda" or "auto"

# %% tags=["setup"]
from quire import claims
from quire.experiments.phase_collapse import cells, learned_cells, measures, plans, table_measures
from quire.figures import Level, bars, curves, figure, label_columns
from quire.sweep import describe, sweep

label_columns(
    "phase_collapse",
    displacement="displacement, in units of the scale",
    ratio="share of the energy",
    change="relative change",
    bound="bound",
    error="test error",
    name="",
    setting="",
    degree="",
)
page = dict(size=(4.8, 3.2))

# %% [markdown]
# What is predicted stands in the ledger before anything runs:

# %% tags=["nbval-check-output"]
claims.expected("phase_collapse")

# %% [markdown]
# ## A shift turns phases
#
# A wavelet $\psi$ is a wave of wave number $\xi$ in a window a few periods wide. The coefficients $x\ast\psi$ are complex: their
# modulus says how much of that wave there is around a place, their phase where its crests are. Move $x$ by a small $\tau$, and the crests move:
#
# $$\big\|\,x(\cdot-\tau)\ast\psi - e^{-i\xi\cdot\tau}\,x\ast\psi\,\big\|\ \le\ |\tau|\,\sigma\,\|x\ast\psi\|,$$
#
# with $\sigma$ the bandwidth of $x\ast\psi$ around $\xi$. To see it, write both sides as integrals over frequencies $\omega$; then
# $|e^{-i\omega\tau}-e^{-i\xi\tau}|\le|\tau|\,|\omega-\xi|$. A shift is a change of phase, and little else.

# %%
moved = sweep(cells.phase_shifts, plans.shift_cells(), device=device)
claims.report("phase_collapse.shift", measures.largest_excess(moved))
figure(
    "phase_collapse-shift",
    curves(
        table_measures.shift_table(moved).rename(columns={"ratio": "change"}),
        x="displacement",
        y="change",
        by="name",
        theory="bound",
        **page,
    ),
    caption="Change of the coefficients of digits beyond a turn of their phase, against the displacement, and its bound.",
    alt="Two sets of points on two dashed lines through the origin at small displacements, and below them at larger ones.",
)

# %% [markdown]
# The largest change is {claim}`phase_collapse.shift` times the bound.
#
# ## What is left of a class
#
# Now let the images of a class stand anywhere. Then phases are as good as uniform: $z$ and $e^{i\alpha}z$ have the same law. If a function $\rho$
# keeps phases, $\rho(e^{i\alpha}z) = e^{i\alpha}\rho(z)$, then
#
# $$\mathbb E[\rho(z)] = \mathbb E[\rho(e^{i\alpha}z)] = e^{i\alpha}\,\mathbb E[\rho(z)] = 0:$$
#
# the means of all classes coincide, whatever the threshold. A linear classifier that follows has nothing to hold on to. The modulus $|z|$ has a
# mean of its own in each class. Both are halves of what everybody uses: for $b\ge0$,
#
# $$\mathrm{relu}(t-b) = \tfrac12\,\mathrm{relu}(|t|-b) + \tfrac12\,\mathrm{sgn}(t)\,\mathrm{relu}(|t|-b),$$
#
# an amplitude with a dead zone, and a soft threshold.
#
# ```{literalinclude} /lib/quire/scattering/phases.py
# :language: python
# :pyobject: _soft
# ```
#
# *Prediction.* Of digits on a torus, shifted uniformly, the class means hold no energy after linear filters (exactly: wavelets have no mean),
# nearly none after a soft threshold, and a good part after the modulus. The mean over all shifts is taken exactly; no shift is drawn.

# %%
means = sweep(cells.class_means, plans.mean_cells(parts=mean_parts), device=device)
for name in ("linear", "soft", "modulus"):
    claims.report(f"phase_collapse.means-{name}", measures.mean_energy(means, nonlinearity=name))
claims.report("phase_collapse.means-ratio", measures.mean_ratio(means, over="soft"))

# %%
figure(
    "phase_collapse-means",
    bars(table_measures.mean_table(means), x="name", y="ratio", log="y", **page),
    caption="Energy of the class means over all energy, of coefficients of shifted digits. (After linear filters it is zero.)",
    alt="Three bars on a logarithmic axis: the soft threshold at about a ten-thousandth, the rectifier at a tenth, the modulus at a quarter.",
)

# %% tags=["nbval-check-output"]
describe(means[["nonlinearity", "part", "ratio"]])

# %% [markdown]
# Linear: {claim}`phase_collapse.means-linear`; soft threshold (of the smaller half of the amplitudes): {claim}`phase_collapse.means-soft`;
# modulus: {claim}`phase_collapse.means-modulus`, {claim}`phase_collapse.means-ratio` times the soft threshold's.
#
# ## Textures that only their amplitudes tell apart
#
# Means are one thing, errors another. Here are three classes of textures: fields of the φ⁴ model below, near and above its critical point, each
# scaled to unit variance. Their law is the same for $x$ and $-x$, so that *every* odd function, linear or not, has zero mean in every
# class. A ridge classifier sees the pixels, or local averages of wavelet coefficients after one of the nonlinearities.

# %%
asked = plans.texture_cells(side=side, fields=fields, loops=loops, seeds=texture_seeds)
told = sweep(cells.textures, asked, device=device)
for name in ("pixels", "soft", "modulus"):
    claims.report(f"phase_collapse.texture-{name}", measures.texture_error(told, features=name))
claims.report("phase_collapse.texture-rectified", measures.texture_less(told, features=("rectified", "modulus")))
figure(
    "phase_collapse-textures",
    bars(table_measures.texture_table(told), x="name", y="error", **page),
    Level(2 / 3, "guessing"),
    caption="Test error of a linear classifier of φ⁴ fields at three couplings, by what it sees.",
    alt="Five bars. Pixels, linear coefficients and soft threshold reach the line of guessing; rectifier and modulus err in less than a third.",
)

# %% [markdown]
# Pixels: {claim}`phase_collapse.texture-pixels`; soft threshold: {claim}`phase_collapse.texture-soft`; modulus:
# {claim}`phase_collapse.texture-modulus`; rectifier less modulus: {claim}`phase_collapse.texture-rectified`. Here collapsing phases is
# *necessary*.
#
# ## Where digits do not follow
#
# It would be a pretty story if soft thresholds failed on digits, too. Do they? Scattering {cite}`bruna2013invariant` repeats the step: wavelets, a nonlinearity, wavelets of
# a coarser scale, the nonlinearity again, an average.
#
# ```{literalinclude} /lib/quire/scattering/transform.py
# :language: python
# :pyobject: scattering
# ```

# %%
written = sweep(cells.digit_errors, plans.digit_cells(seeds=digit_seeds), device=device)
asked = dict(shift=8, pooled=False, order=1)
errors = {name: measures.digit_error(written, nonlinearity=name, **asked) for name in ("modulus", "soft")}
claims.report("phase_collapse.digits-first", errors["modulus"] - errors["soft"])
asked = dict(shift=8, pooled=True, order=2)
errors = {name: measures.digit_error(written, nonlinearity=name, **asked) for name in ("modulus", "soft")}
claims.report("phase_collapse.digits-second", errors["soft"] - errors["modulus"])

# %%
figure(
    "phase_collapse-digits",
    bars(table_measures.digit_table(written), x="name", y="error", by="degree", panels="setting", size=(2.7, 3.4)),
    caption="Test error of a linear classifier of digits by their scattering coefficients: digits where they are, or anywhere.",
    alt="Three panels of pairs of bars. Linear coefficients fail once digits stand anywhere. Of first order the modulus is a little better than the soft "
    "threshold with local averages; of second order all three nonlinearities err less often, and about equally.",
)

# %% tags=["nbval-check-output"]
describe(written[["shift", "pooled", "nonlinearity", "order", "seed", "error", "inputs"]])

# %% [markdown]
# First order, local averages, modulus less soft threshold: {claim}`phase_collapse.digits-first`. Second order, one average, soft
# threshold less modulus: {claim}`phase_collapse.digits-second`. The strokes of a digit are no texture: their phases are not independent of
# one another, a second layer of wavelets finds what the first has kept of them, and the soft threshold hands it twice as many numbers. The means of
# the theorem are tiny, not zero, and a classifier on standardised coefficients may use what is tiny.
#
# ## Networks that learn the channels
#
# The literature's networks alternate the fixed step with a learned $1\times1$ matrix across channels, many layers deep, on natural images; there the
# modulus is as good as a residual network, and the soft threshold is not. Space is only ever filtered by wavelets; all that is learned is
# which channels to add. Coefficients are standardised before the nonlinearity: else a threshold that suits one channel empties another. The
# modulus hands on one number where the others hand on two; its networks have more channels, and as many weights.

# %%
asked = plans.learned_cells(
    images=images, train_images=train_images, epochs=epochs, learning_rate=learning_rate, seeds=net_seeds
)
trained = sweep(learned_cells.learned, asked, device=device)
on_digits = trained.images == "digits"
gap = measures.error_less(trained[on_digits], kinds=("soft", "modulus"), most_train_error=0.01)
claims.report("phase_collapse.learned-digits", gap)
claims.report("phase_collapse.learned-images", measures.error_less(trained[~on_digits], kinds=("soft", "modulus")))

# %%
figure(
    "phase_collapse-learned",
    bars(table_measures.learned_table(trained), x="name", y="error", **page),
    caption="Test error of learned scattering networks, by nonlinearity.",
    alt="Four bars: linear wavelets err most, the three nonlinearities least.",
)

# %% tags=["nbval-check-output"]
describe(trained[["images", "nonlinearity", "seed", "error", "train_error", "weights"]])

# %% [markdown]
# On digits: {claim}`phase_collapse.learned-digits`; on natural images (paper scale): {claim}`phase_collapse.learned-images`.
#
# **What it means.** Where phases are symmetric, discarding them is what gives classes different means; of textures whose law does not change with
# their sign, nothing else tells a linear classifier anything. **What it does not mean:** that a soft threshold can never work.
# Phases of neighbouring coefficients of one stroke depend on one another, and deep networks can use that.

# %%
claims.scoreboard("phase_collapse")

# %% [markdown]
# ## Try it
#
# 1. *More threshold.* In `plans.py`, `QUANTILES` has the fraction of amplitudes that the soft threshold sets to zero: what do 0.9 or 0.1 do to the class means?
# 2. *Larger lattices.* `quire run phase_collapse --profile book -p side=32`: with more places to average over, which errors fall, and which do not?
# 3. *Few images.* `quire run phase_collapse --profile book -p train_images=100`: which nonlinearity needs fewer?
