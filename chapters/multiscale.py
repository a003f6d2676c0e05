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
# # Multiscale image models
#
# *An image is hard to model at once and easier to model scale by scale: given what is coarser, the law of the details has lower barriers, is
# sampled in a time that does not grow with the image, and depends on a small neighbourhood.*
#
# Reading: 25 minutes. Running: under a minute at smoke scale, five to seven minutes at book scale, on two cores.

# %% [markdown]
# **You need:** probability densities as $e^{-E}$; what Langevin dynamics and a denoiser are; the chapter on the creativity of convolutional
# diffusion helps with the last section.
#
# **You will see:** a model of physics at its critical point, where everything about an image's law is known and sampling is as hard as it gets;
# how orthogonal wavelets factorise that law {cite}`marchand2022conditional,guth2023cslc`, what "the conditional laws are log-concave" means,
# and where it is false; an energy recovered from samples and fields generated from it; how many steps a diffusion needs for images with
# power-law spectra {cite}`guth2022wavelet`; and why denoisers can be local once the coarse image is known {cite}`kadkhodaie2023learning`.

# %% tags=["parameters"]
# Lattices have even sides (the sampler moves a checkerboard), and become powers of two where octaves are split down to one number.
phase_sides: list = [4, 8]  # scale: sides of the lattices of the phase diagram, in [2, 512]
couplings: list = [0.66, 0.68, 0.7]  # scale: β of the phase diagram, in [0, 2]
phase_chains: int = 32  # scale: fields of each block, in [2, 100000]
phase_loops: int = 10  # scale: of the sampler, in [1, 10000]
phase_seeds: int = 1  # scale: blocks, in [1, 100]
band_side: int = 8  # scale: of the fields whose curvature is looked at, in [8, 128]
band_fields: int = 8  # scale: of these fields, in [1, 10000]
band_seeds: int = 1  # scale: blocks of these, in [1, 100]
fit_sides: list = [8]  # scale: sides of the fields that an energy is recovered from, in [4, 256]
fit_fields: int = 32  # scale: of these fields on the largest lattice, with as many sites on the others, in [8, 100000]
fit_seeds: int = 1  # scale: blocks of these, in [1, 100]
tilt: float = 0.5  # choice: of the law of the averages, in [0.01, 10]
tilt_steps: int = 20  # scale: of the dynamics with the tilt, in [1, 100000]
slow_sides: list = [2, 4]  # scale: sides of the lattices on which local sweeps are followed, in [2, 128]
slow_chains: int = 64  # scale: fields that are followed, in [2, 100000]
slow_sweeps: int = 150  # scale: sweeps at most, in [2, 1000000]
detail_sides: list = [4, 8]  # scale: sides of the lattices on which details are followed, in [4, 256]
detail_chains: int = 16  # scale: of these fields, in [2, 100000]
detail_steps: int = 60  # scale: of their dynamics, in [2, 100000]
relax_seeds: int = 1  # scale: blocks of both, in [1, 100]
draw_side: int = 8  # scale: of the fields that are generated, in [4, 256]
draw_coarsest: int = 4  # choice: side of the coarsest scale, in [2, 16]
draw_samples: int = 48  # scale: that the laws are fitted to, in [16, 100000]
draw_chains: int = 16  # scale: fields that are generated, in [8, 100000]
draw_coarse_steps: int = 40  # scale: of Langevin's dynamics at the coarsest scale, in [2, 1000000]
draw_steps: int = 40  # scale: of that of the details of each scale, in [2, 100000]
draw_seeds: int = 1  # scale: runs, in [1, 100]
step_sides: list = [8, 16]  # scale: sides of the Gaussian fields, in [2, 64]
most_steps: int = 4000  # scale: of a diffusion, in [1, 1000000]
window_side: int = 16  # scale: of the Gaussian field that is denoised, in [2, 48]
window_noises: list = [1.0, 4.0]  # scale: levels of noise there, in [0.01, 100]
images: str = "photos"  # choice: whose patches networks denoise, one of photos|cifar10-subset|cifar10
patch: int = 16  # scale: side of a patch, in [4, 32]
windows: list = [3, 5]  # scale: windows of the networks, in [1, 41]
net_width: int = 8  # scale: channels within, in [1, 512]
net_layers: int = 4  # scale: of them, in [1, 30]
train_steps: int = 20  # scale: of their training, in [1, 1000000]
net_seeds: int = 1  # scale: networks of each kind, in [1, 100]
device: str = "auto"  # choice: "cpu", "cuda" or "auto"

# %% tags=["setup"]
from quire import claims
from quire.experiments.multiscale import (
    drawings,
    field_cells,
    gaussian_cells,
    image_cells,
    measures,
    plans,
    scale_cells,
    table_measures,
)
from quire.figures import Level, PowerLaw, curves, figure, label_columns, scatter
from quire.sweep import describe, made, sweep

label_columns(
    "multiscale",
    coupling=r"coupling $\beta$",
    binder="Binder cumulant",
    side="side of the lattice",
    least="smallest eigenvalue",
    order="",
    relative="time to forget, relative",
    field="value, in units of its standard deviation",
    density="density",
    waves="frequency, waves per side",
    power="power",
    steps="steps that are needed",
    window="window, sites of the lattice",
    percent="excess error, %",
    name="",
)
page = dict(size=(4.8, 3.2))

# %% [markdown]
# What is predicted stands in the ledger before anything runs:

# %% tags=["nbval-check-output"]
claims.expected("multiscale")

# %% [markdown]
# ## A law that is known: φ⁴ at its critical point
#
# Take a field $x$ on a periodic lattice, with $p(x)\propto e^{-E(x)}$ and
#
# $$E(x) = -\beta\sum_{\langle ij\rangle} x_i x_j + \sum_i\big(x_i^4 - x_i^2\big).$$
#
# Every site prefers to be near $\pm 1$, neighbours prefer to agree. At a small $\beta$ a field is noise, at a large one it is nearly constant, and
# at $\beta_c\approx 0.68$ it has structure at all scales: the best model of an image whose law we can write down. For every claim that follows
# there is a ground truth.
#
# It must be sampled well to be of use. Changing one site at a time takes forever at $\beta_c$, as we shall see; so the signs are also
# flipped in whole clusters (Swendsen and Wang), which leaves the law unchanged:
#
# ```{literalinclude} /lib/quire/multiscale/phi4_sampler.py
# :language: python
# :pyobject: flip_clusters
# ```
#
# *Prediction.* The Binder cumulant $1 - \langle m^4\rangle/3\langle m^2\rangle^2$ of the mean field $m$ does not depend on the lattice at $\beta_c$, falls with
# its size below, and rises towards $2/3$ above.

# %%
asked = plans.phase_cells(
    sides=phase_sides, couplings=couplings, chains=phase_chains, loops=phase_loops, seeds=phase_seeds
)
phases = sweep(field_cells.phases, asked, device=device)
for side in (8, 16, 32):
    claims.report(f"multiscale.critical-{side}", measures.binder(phases, side=side, coupling=0.68))
claims.report("multiscale.disordered", measures.binder(phases, side=32, coupling=0.66))
claims.report("multiscale.ordered", measures.binder(phases, side=32, coupling=0.7))
claims.report("multiscale.spread", measures.spread(phases, side=32, coupling=0.68))

# %%
figure(
    "multiscale-binder",
    curves(phases, x="coupling", y="binder", by="side", labels={"side": "side"}, **page),
    Level(0.605, "0.605"),
    caption="Binder cumulant against the coupling, for lattices of different sides.",
    alt="Curves rise with the coupling, the steeper the larger the lattice, and cross at one point on a horizontal line, the theory's value.",
)

# %% [markdown]
# At $\beta = 0.68$ it is {claim}`multiscale.critical-8`, {claim}`multiscale.critical-16` and {claim}`multiscale.critical-32` on lattices of side 8, 16 and
# 32; at 0.66 {claim}`multiscale.disordered`, at 0.70 {claim}`multiscale.ordered`, on the largest. A site has the root mean square
# {claim}`multiscale.spread`.
#
# ## One step of wavelets
#
# An orthogonal wavelet step takes $x$ to averages $x_1 = Gx$ on half of the lattice and details $\bar x_1 = \bar G x$. As the step is orthogonal,
#
# $$p(x) = p(x_1)\,p(\bar x_1\,|\,x_1),\qquad -\log p(\bar x_1\,|\,x_1) = E(G^\top x_1 + \bar G^\top\bar x_1) + \text{const}(x_1),$$
#
# and the same again for $x_1$, down to a few numbers. The hope is that every factor is simple even if the whole is not: a *log-concave* law has no
# barriers, and is sampled fast. At the finest scale the Hessian of $-\log p(\bar x_1|x_1)$ is exactly $\bar G H(x)\bar G^\top$, with $H$ that of $E$; so
# the hope can be checked, field by field, by its smallest eigenvalue:
#
# ```{literalinclude} /lib/quire/multiscale/log_concavity.py
# :language: python
# :pyobject: conditional_hessian
# ```

# %%
asked = plans.curvature_cells(side=band_side, fields=band_fields, loops=phase_loops, seeds=band_seeds)
curvature = sweep(field_cells.curvatures, asked, device=device)
for name, band in {
    "joint": "joint",
    "octave": "octave, db4",
    "half-octave": "half octave",
    "quarter-octave": "quarter octave",
}.items():
    claims.report(f"multiscale.{name}", measures.fraction_concave(curvature, band=plans.BANDS[band]))
gain = measures.curvature_gain(curvature, band=plans.BANDS["octave, db4"], joint=plans.BANDS["joint"])
claims.report("multiscale.curvature-gain", gain)

# %%
shown = table_measures.curvature_table(curvature, plans.BANDS)
figure(
    "multiscale-curvature",
    scatter(shown, x="order", y="least", by="name", labels={"order": "from the whole field to narrow bands"}, **page),
    Level(0.0, ""),
    caption="Smallest eigenvalue of the Hessian of -log p at typical fields at the critical point: of the whole field, and of details given all "
    "that is coarser. Above zero the law is log-concave there. (The next half octave holds the finer details fixed.)",
    alt="Columns of points. The joint law lies lowest, all octaves far above it; the half octaves straddle zero, and the quarter octave "
    "lies above it.",
)

# %% tags=["nbval-check-output"]
describe(curvature[["depth", "band", "moments", "seed", "number", "least", "at_zero"]])

# %% [markdown]
# **The trap.** Conditioning helps: an octave's smallest eigenvalue is {claim}`multiscale.curvature-gain` above that of the joint law, at the median. But the
# conditional law of a plain octave is log-concave at {claim}`multiscale.octave` of the fields, as is the joint law at {claim}`multiscale.joint`: "the
# conditionals are log-concave" is false for wavelets at this point. It takes narrower bands, of *wavelet packets*: half an octave is at
# {claim}`multiscale.half-octave` of the fields, a quarter at {claim}`multiscale.quarter-octave`. And no band is so everywhere: at the field zero, which
# never occurs, each of them has a negative eigenvalue (column `at_zero`).
#
# ## Energies from samples
#
# Score matching finds an energy without its normalisation: for $E_\theta = \sum_k\theta_k U_k$ minimise $\mathbb{E}\,|\nabla E_\theta|^2/2 - \mathbb{E}\,\Delta E_\theta$, which is
# linear algebra. With derivatives by the details alone it finds the *conditional* energy:
#
# ```{literalinclude} /lib/quire/multiscale/score_matching.py
# :language: python
# :pyobject: match_scores
# ```

# %%
shape = dict(sides=fit_sides, fields=fit_fields, loops=phase_loops, seeds=fit_seeds)
found = sweep(field_cells.recovered, plans.recovery_cells(**shape, tilt=tilt, tilt_steps=tilt_steps), device=device)
of_site = ["bonds", "square", "fourth"]
for name, conditional in {"joint": False, "conditional": True}.items():
    error = measures.coefficient_error(found, conditional=conditional, potentials=of_site)
    claims.report(f"multiscale.energy-{name}", error)
    claims.report(f"multiscale.tilted-{name}", measures.tilt_error(found, conditional=conditional))
sixth = measures.coefficient_error(found, conditional=True, potentials=["sixth"])
claims.report("multiscale.energy-sixth", sixth)
claims.report("multiscale.conditioning", measures.condition_ratio(found))

# %% tags=["nbval-check-output"]
shown = table_measures.recovery_table(found)
describe(shown[["side", "data", "matched", "potential", "seed", "value", "truth", "distance", "condition"]])

# %% [markdown]
# From samples of φ⁴ both find the energy: the worst of $\beta, -1, 1$ is off by {claim}`multiscale.energy-joint` (joint) and
# {claim}`multiscale.energy-conditional` (conditional), the sixth power, which is not there, by {claim}`multiscale.energy-sixth`; and the conditional least squares are
# better conditioned by {claim}`multiscale.conditioning`.
#
# **Another trap.** What is found *given the averages* knows nothing of the law of the averages. Add $\gamma\sum(Gx)^4$ to the energy: averages now have
# another law, details given averages have the same. The conditional fit does not notice, with an error of {claim}`multiscale.tilted-conditional`; the joint fit
# is off by {claim}`multiscale.tilted-joint`. So the energy of one scale must not be taken for that of the whole field: between scales there is a free
# energy, a function of $x_1$, that only the fit at the next coarser scale provides.
#
# ## Why it is worth it: time
#
# Local updates of the whole field forget its mean after $\tau\sim L^z$ sweeps, $z\approx 2$. Langevin dynamics of the details, with the averages held, has
# no slow mode.

# %%
common = dict(chains=slow_chains, loops=phase_loops, seeds=relax_seeds)
asked = plans.sweep_cells(sides=slow_sides, sweeps=slow_sweeps, **common)
slow = sweep(field_cells.sweep_relaxation, asked, device=device)
asked = plans.detail_cells(sides=detail_sides, steps=detail_steps, **(common | dict(chains=detail_chains)))
fast = sweep(field_cells.detail_relaxation, asked, device=device)
claims.report("multiscale.slowing-down", measures.critical_exponent(slow))
claims.report("multiscale.detail-time", measures.detail_time(fast, side=16))
claims.report("multiscale.detail-flat", measures.detail_time_ratio(fast, small=8, large=16))

# %%
figure(
    "multiscale-relaxation",
    curves(table_measures.relaxation_table(slow, fast), x="side", y="relative", by="name", log="xy", **page),
    PowerLaw(2, "2"),
    caption="Time until a field's mean is forgotten by local sweeps, and until its finest details are forgotten by Langevin dynamics given "
    "the averages; each over its value on the smallest lattice.",
    alt="One line rises with a slope of two on logarithmic axes, the other falls a little.",
)

# %% [markdown]
# For the whole field $z$ is {claim}`multiscale.slowing-down`; details forget in the time {claim}`multiscale.detail-time` (physical time of the
# dynamics), and twice the lattice changes that by a factor of {claim}`multiscale.detail-flat`: it does not grow.
#
# ## A law, scale by scale
#
# So fit an energy to the details of every scale, and to the whole of the coarsest field; then draw the coarsest field, and details upon
# details. Four potentials per scale: pairs of nearest and of diagonal neighbours, second and fourth powers.
#
# ```{literalinclude} /lib/quire/multiscale/scale_by_scale.py
# :language: python
# :pyobject: generate
# ```

# %%
runs = plans.generations(
    side=draw_side,
    coarsest=draw_coarsest,
    samples=draw_samples,
    loops=phase_loops,
    chains=draw_chains,
    coarse_steps=draw_coarse_steps,
    steps=draw_steps,
    seeds=draw_seeds,
)
cells = plans.drawn_cells(runs)
scales = sweep(scale_cells.moments_by_scale, cells, device=device)
power = sweep(scale_cells.spectra, cells, device=device)
claims.report("multiscale.generated-binder", measures.generated_binder(scales))
claims.report("multiscale.generated-spread", measures.generated_spread(scales, source="generated"))
claims.report("multiscale.details-spread", measures.generated_spread(scales, source="details"))
claims.report("multiscale.generated-converged", measures.converged_spread(scales))
for source in ("details", "generated"):
    claims.report(f"multiscale.{source}-spectrum", measures.spectrum_error(power, source=source))

# %%
first = made(scale_cells.first_fields, fields=runs[0], count=min(3, draw_chains))
figure(
    "multiscale-fields",
    drawings.field_pictures(first.tensors(device=device)),
    caption="Fields drawn scale by scale (left half), each from the coarser one above it, and fields of the model (right half).",
    alt="Rows of grey squares, from coarse above to fine below. On the left the same patches of dark and bright sharpen from row to row; "
    "fields of the model on the right have patches of the same sizes and roughness.",
)

# %%
dense = sweep(scale_cells.histograms, plans.drawn_cells(runs, bins=40), device=device)
figure(
    "multiscale-histograms",
    curves(
        table_measures.histogram_table(dense),
        x="field",
        y="generated",
        by="name",
        theory="true",
        labels={"generated": "density"},
        **page,
    ),
    caption="Density of the values at every scale: drawn (markers), and of the model (dashed).",
    alt="Densities with two peaks, the sharper the coarser the scale; markers lie close to the dashed lines.",
)

# %%
figure(
    "multiscale-spectrum",
    curves(table_measures.spectrum_table(power), x="waves", y="power", by="name", log="xy", **page),
    caption="Power spectrum of the finest fields: of the model, drawn scale by scale, and with drawn details on the model's own averages.",
    alt="Three falling curves on logarithmic axes. The model and details on true averages lie on top of one another; what is drawn from noise is "
    "lower at one wave per side, higher at two, and agrees beyond four.",
)

# %% tags=["nbval-check-output"]
describe(scales[["source", "scale", "spread", "kurtosis", "binder"]])

# %% [markdown]
# Details upon the model's own averages have the right size, {claim}`multiscale.details-spread` of the model's, and a spectrum that is off by at most
# {claim}`multiscale.details-spectrum`. Drawn all the way from noise the ratio is {claim}`multiscale.generated-spread`, the Binder cumulant
# {claim}`multiscale.generated-binder`, and the spectrum is off by {claim}`multiscale.generated-spectrum`. What is not right was not right at the
# coarsest scale: there values near zero are too rare (histogram), so that the fitted barrier between the two signs is too high; and the power
# is too small at one wave per side and too large at two, which on that lattice alternates from site to site. It is the fitted law and not the chain: four
# times the steps at that scale change the ratio by a factor of {claim}`multiscale.generated-converged`. Score matching looks at gradients where samples
# are, and there are few on the barrier; the literature gives the coarser scales many more potentials than our four
# {cite}`marchand2022conditional,guth2023cslc`.
#
# ## Diffusion: how many steps?
#
# A diffusion model is discretised. For a Gaussian field all of it is exact, one eigenvalue of the covariance at a time, and the worst eigenvalue
# decides how many steps are needed for an error below a tenth. Spectra of images fall as $|\omega|^{-\eta}$; in pixels the condition number grows as $L^\eta$.
# Details given averages, normalised at every scale, have condition numbers that do not grow.

# %%
asked = plans.step_cells(sides=step_sides, exponents=[2.0, 3.0], most=most_steps)
needed = sweep(gaussian_cells.diffusion_steps, asked, device=device)
for basis, name in {"pixels": "pixels", "db4": "wavelets"}.items():
    for value in ("condition", "steps"):
        ends = dict(exponent=3.0, basis=basis, small=16, large=32)
        claims.report(f"multiscale.{value}-{name}", measures.step_growth(needed, value=value, **ends))

# %%
figure(
    "multiscale-steps",
    curves(
        needed.assign(spectrum=[f"η = {exponent:g}" for exponent in needed.exponent]),
        x="side",
        y="steps",
        by="basis",
        panels="spectrum",
        log="xy",
        labels={"basis": ""},
        size=(3.0, 3.0),
    ),
    caption="Steps of a discretised diffusion that reproduce all variances of a Gaussian field to a tenth, in pixels and scale by scale.",
    alt="Two panels, in both of which pixels need the most steps. For the exponent 2 their number grows slowly, for 3 it doubles with the side; the "
    "curve of db4 becomes flat in both, that of db1 grows slowly.",
)

# %% [markdown]
# For $\eta = 3$, from side 16 to 32, pixels need {claim}`multiscale.steps-pixels` times the steps (condition number: {claim}`multiscale.condition-pixels`),
# wavelets {claim}`multiscale.steps-wavelets` ({claim}`multiscale.condition-wavelets`). *What it does not say:* that the
# gain is large for every spectrum. For $\eta = 2$ wavelets are flat, too, but in pixels the number of steps grows so slowly that at these
# sizes little is gained.
#
# ## Denoisers: how large a window?
#
# Given the clean averages, the best estimate of the details hardly needs distant coefficients. Without them, at a high noise, it does: far
# pixels help to find out how bright it is here. For Gaussian fields with $\eta = 2$ and the best *linear* denoiser with a window this is exact:

# %%
asked = plans.window_cells(side=window_side, noises=window_noises)
linear = sweep(gaussian_cells.window_errors, asked, device=device)
claims.report("multiscale.window-pixels", measures.excess(linear, domain="pixels", window=5, noise=4.0))
claims.report("multiscale.window-details", measures.excess(linear, domain="details", window=3, noise=4.0))
claims.report("multiscale.window-low-noise", measures.excess(linear, domain="pixels", window=5, noise=1.0))

# %%
figure(
    "multiscale-windows",
    curves(table_measures.excess_table(linear), x="window", y="percent", by="name", **page),
    caption="Error of the best linear denoiser with a window beyond that of the one without, per cent of it.",
    alt="All curves fall to zero. At a high noise the one of pixels reaches it at a window of 13, that of details at 3.",
)

# %% [markdown]
# At a noise of four standard deviations a window of five pixels costs {claim}`multiscale.window-pixels` of the error; for details given averages a
# window of three costs {claim}`multiscale.window-details`. At a noise of one, pixels are local, too: {claim}`multiscale.window-low-noise`.
#
# Do networks find that on photographs? Convolutional denoisers with the same depth and windows of different sizes, of pixels, and of the three Haar
# details given the clean averages:
#
# ```{literalinclude} /lib/quire/nets/window_nets.py
# :language: python
# :pyobject: WindowDenoiser
# ```

# %%
net = dict(width=net_width, layers=net_layers, train_steps=train_steps)
common = dict(images=images, side=patch, windows=windows, **net)
asked = plans.denoiser_cells(**common, noises=[0.1, 1.0, 4.0], seeds=net_seeds)
trained = sweep(image_cells.denoising_errors, asked, device=device)
excess = {name: measures.network_excess(trained, domain=name, window=3, noise=4.0) for name in ("pixels", "details")}
claims.report("multiscale.networks", excess)
claims.report("multiscale.networks-local", excess["details"])
levels = {"high": 4.0, "low": 0.1}
by_noise = {
    name: measures.network_excess(trained, domain="pixels", window=3, noise=noise) for name, noise in levels.items()
}
claims.report("multiscale.networks-noise", by_noise)

# %%
figure(
    "multiscale-networks",
    curves(
        table_measures.network_table(trained).query("noise != 1"), x="window", y="percent", by="name", log="x", **page
    ),
    caption="Error of trained denoisers of photographs' patches, beyond that of the widest window, per cent of it.",
    alt="At a high noise the curve of pixels starts far above all others and falls to zero; those of details stay near zero at both noises.",
)

# %%
number = 6
added = plans.enlarged_patches(**common, number=number, steps=60)
figure(
    "multiscale-patches",
    drawings.patch_pictures(added.tensors(device=device), count=number),
    caption="Patches that the networks have not seen: their averages, with details that a local network drew given these, and the truth.",
    alt="Three rows of six grey patches: blocky averages; the same with grain; the truth. Where the truth is rough the drawn grain resembles "
    "it, where the truth is smooth there is still some.",
)

# %% [markdown]
# At a high noise a window of three instead of the widest costs {claim}`multiscale.networks`; for details alone it is {claim}`multiscale.networks-local`.
# In pixels it matters where the noise is high: {claim}`multiscale.networks-noise`. The picture shows what such a small network, trained for so
# few steps, does not know: that smooth places have no grain at all.
#
# **What it means.** What makes images hard (long correlations, barriers, ill conditioning) sits in the coarse scales, where there are few numbers. Given
# these, details are a local affair; the machine of the chapter on creativity, which is local at every noise level, has this from
# convolutions. **What it does not mean:** that conditional laws are log-concave (an octave's are not), or that a law is known when its
# conditional energies are (their free energies are missing).

# %%
claims.scoreboard("multiscale")

# %% [markdown]
# ## Try it
#
# 1. *Away from the critical point.* `quire run multiscale --profile book -p couplings='[0.3,0.68]'`: at 0.3 the Binder cumulant is near zero.
# 2. *A bigger tilt.* `quire run multiscale --profile book -p tilt=2`: the conditional fit still does not notice.
# 3. *One scale only.* `quire run multiscale --profile book -p draw_coarsest=16`: where is the barrier now?
