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
# # Learning mechanics
#
# *A theory of learning can be made of small statements that an experiment can refute: settings that are solved, limits, laws of large
# numbers, hyperparameters that come apart, and things that all networks share.*
#
# Reading: 25 minutes. Running: under a minute at smoke scale, two or three minutes at book scale, on two cores.

# %% [markdown]
# **You need:** gradient descent; eigenvalues; what a kernel method is helps.
#
# **You will see:** the five strands of a programme that calls itself *learning mechanics* (arXiv:2604.21691), each as an experiment with an
# exact or a published prediction: linear networks that learn one mode after the other {cite}`saxe2014exact`; networks whose initial scale
# decides what they prefer {cite}`woodworth2020kernel,chizat2019lazy`; a conserved quantity {cite}`simon2023eigenlearning`, scaling laws
# {cite}`maloney2022solvable` and the edge of stability {cite}`cohen2021gradient`; a learning rate for all widths {cite}`yang2022tensor`; and
# representations on which networks agree {cite}`zhu2021geometric,guth2023rainbow`.
#
# | strand | here | elsewhere in this book | open question |
# |---|---|---|---|
# | solvable settings | deep linear networks, diagonal networks | the random hierarchy, the phase transition of denoising | stepwise learning (12) |
# | limits | lazy training | tangent kernels of deep networks, task vectors | |
# | macroscopic laws | conservation, scaling laws, edge of stability | learning curves of local kernels | scaling exponents (7), sharpness (8) |
# | hyperparameters | one learning rate for all widths | | no hyperparameters (6), optimizers (9) |
# | universality | neural collapse, aligned representations | stability to deformations | representations (10) |
#
# (Numbers are those of the programme's list of open questions, learningmechanics.pub.)

# %% tags=["parameters"]
# Where more samples are asked for than a problem has inputs or places, or more features than inputs, it gets as many as it can have.
mode_points: int = 21  # scale: looks at a linear network while it learns, in [3, 1000]
step_sizes: list = [0.002, 0.004]  # scale: learning rates of linear networks, in [1e-5, 0.02]
spread: float = 0.001  # scale: of small random weights, in [1e-8, 0.1]
mode_draws: int = 1  # scale: draws of these, in [1, 100]
bias_inputs: int = 30  # scale: inputs of a diagonal network, in [8, 10000]
bias_samples: int = 12  # scale: its training samples, in [2, 10000]
bias_scales: list = [1.0, 0.1, 0.03]  # scale: initial weights, in [0.001, 100]
bias_seeds: int = 1  # scale: problems, in [1, 100]
kernel_scales: list = [4.0, 64.0]  # scale: factors of the output, in [0.1, 100000]
kernel_width: int = 32  # scale: of the network that they multiply, in [4, 4096]
kernel_images: int = 100  # choice: training images of that network, in [10, 1797]
kernel_seeds: int = 1  # scale: networks, in [1, 100]
circle_places: int = 64  # scale: points of a circle, in [16, 4096]
circle_samples: int = 8  # scale: training points among them, in [2, 4096]
circle_draws: int = 3  # scale: draws of these, in [1, 10000]
pool_sizes: list = [16, 64]  # scale: training data on digits, in [4, 1500]
pool_draws: int = 3  # scale: draws of these, in [1, 1000]
model_inputs: int = 300  # scale: inputs of a linear model, in [64, 100000]
model_numbers: list = [8, 16, 32]  # scale: of features, and of data, in [1, 100000]
model_draws: int = 2  # scale: draws of each, in [1, 1000]
edge_rate: float = 0.1  # choice: learning rate at the edge; twice and a tenth of it are shown, too, in [0.001, 1]
edge_images: int = 100  # scale: training images, in [10, 1797]
edge_width: int = 16  # scale: of two hidden layers, in [4, 4096]
edge_steps: int = 200  # scale: of gradient descent, in [50, 10000000]
flow_steps: int = 200  # scale: of gradient descent at a tenth of the rate, in [50, 100000000]
edge_seeds: int = 1  # scale: networks, in [1, 100]
widths: list = [32, 64]  # scale: of networks that share a learning rate, the first is the base, in [8, 8192]
log_rates: list = [-9.0, -7.0, -5.0]  # scale: binary logarithms of learning rates, in [-20, 0]
rate_steps: int = 20  # scale: of Adam, in [1, 100000]
rate_seeds: int = 1  # scale: networks of each, in [1, 100]
like_widths: list = [16, 32]  # scale: of networks that are compared, in [4, 8192]
like_epochs: int = 2  # scale: of their training, in [1, 10000]
like_seeds: int = 1  # scale: pairs of each, in [1, 100]
device: str = "auto"  # choice: "cpu", "cuda" or "auto"

# %% tags=["setup"]
from quire import claims
from quire.experiments.mechanics import (
    likeness_cells,
    measures,
    mode_cells,
    plans,
    solvable_cells,
    table_measures,
    trained_cells,
)
from quire.figures import Level, PowerLaw, curves, figure, label_columns
from quire.sweep import describe, sweep

label_columns(
    "mechanics",
    time="time",
    strength="strength of the mode, $u$",
    loss="loss",
    scale=r"scale of the weights, $\alpha$",
    change="relative change of the kernel",
    frequency="frequency",
    learnability="learnability",
    size="training data",
    number="features, or data",
    error="error",
    step="step",
    sharpness="sharpness",
    width="width",
    log_best="best learning rate, binary logarithm",
    alignment="alignment error",
    name="",
)
page = dict(size=(4.8, 3.2))

# %% [markdown]
# What is predicted stands in the ledger before anything runs:

# %% tags=["nbval-check-output"]
claims.expected("mechanics")

# %% [markdown]
# ## Solvable: one mode after the other
#
# A linear network $W_N\cdots W_1$ computes nothing that one matrix could not, but it learns otherwise. With the loss
# $\tfrac12\|S - W_N\cdots W_1\|^2$, balanced weights that are aligned with the singular vectors of $S$, and gradient flow, the strength $u$
# of a mode with singular value $s$ obeys
#
# $$\dot u = N u^{2-2/N}(s - u),\qquad N = 2:\quad u(t) = \frac{s}{1 + (s/u_0 - 1)\,e^{-2st}},$$
#
# so that large modes are learned first, each in a step that is short beside the wait for it.
#
# ```{literalinclude} /lib/quire/mechanics/deep_linear.py
# :language: python
# :pyobject: half_time
# ```

# %%
asked = plans.mode_cells(rates=step_sizes, depths=[2, 3], points=mode_points)
modes = sweep(mode_cells.modes_from_aligned_weights, asked, device=device)
claims.report("mechanics.flow", measures.flow_error(modes, depth=2))
claims.report("mechanics.flow-order", measures.flow_order(modes, depth=2))
claims.report("mechanics.flow-deep", measures.flow_error(modes, depth=3))

# %%
figure(
    "mechanics-modes",
    curves(table_measures.mode_table(modes, depth=2), x="time", y="strength", by="name", theory="predicted", **page),
    caption="Strengths of four modes of a two-layer linear network: gradient descent (markers), and the closed form.",
    alt="Four curves in the form of an S, one after the other, each to its own height: the largest singular value first. Markers lie on "
    "the dashed lines.",
)

# %%
figure(
    "mechanics-steps",
    curves(table_measures.loss_table(modes, depth=2), x="time", y="loss", theory="predicted_loss", log="y", **page),
    caption="The loss of the same network: it falls mode by mode.",
    alt="On a logarithmic axis the loss falls in waves, one for each mode, on the dashed line of the closed form.",
)

# %% [markdown]
# The largest distance from the closed form is {claim}`mechanics.flow`, and it shrinks with the learning rate with the exponent
# {claim}`mechanics.flow-order`: what is left is the step. With three layers it is {claim}`mechanics.flow-deep`.
#
# Who starts from aligned weights? From small *random* ones, of size $\sigma$, modes find their directions while they are still small, and the
# time to half strength is $\ln(1/\sigma)/s$, up to a factor that goes to one:

# %%
asked = plans.random_start_cells(spread=spread, rate=2e-3, draws=mode_draws)
random_start = sweep(mode_cells.modes_from_random_weights, asked, device=device)
claims.report("mechanics.random-start", measures.scaled_half_time(random_start))

# %% [markdown]
# measured as {claim}`mechanics.random-start`. *What it does not say:* that networks with nonlinearities learn modes of anything; which modes
# these would be is the question that the other chapters are about.
#
# ## Solvable: the scale of the weights decides what is preferred
#
# $f(x) = \langle u\circ u - v\circ v, x\rangle$ is linear in $x$, with more weights than a linear model needs. From $u = v = \alpha$, of all
# $b = u^2 - v^2$ that fit the data, gradient flow finds the one with the smallest
#
# $$Q_\alpha(b) = \sum_i \alpha^2\, q(b_i/\alpha^2),\qquad q'(z) = \mathrm{asinh}(z/2):$$
#
# the shortest one for large $\alpha$, as a kernel method would; the one with the smallest $\sum_i|b_i|$ for small $\alpha$, which finds sparse
# solutions.

# %%
asked = plans.diagonal_cells(inputs=bias_inputs, samples=bias_samples, scales=bias_scales, seeds=bias_seeds)
bias = sweep(solvable_cells.diagonal_bias, asked, device=device)
claims.report("mechanics.implicit-bias", measures.bias_distance(bias))
claims.report("mechanics.rich", measures.bias_order(bias))

# %%
figure(
    "mechanics-bias",
    curves(table_measures.bias_table(bias), x="scale", y="loss", theory="predicted", log="xy", **page),
    caption="Population loss on a sparse problem, against the scale of the initial weights: end of the flow, and the minimiser of Q.",
    alt="The loss is flat for large scales and falls by three orders of magnitude for small ones; markers lie on the dashed line.",
)

# %% [markdown]
# The flow, followed by an integrator without a step size, and the minimiser, by Newton's method, are one: {claim}`mechanics.implicit-bias`.
# Population losses: {claim}`mechanics.rich`. *What it does not say:* that small weights are better; on a problem that is not sparse they are not.
#
# ## A limit: lazy training
#
# For networks that are not solved, the same distinction: multiply the output, $f_\alpha = \alpha(f - f_0)$, and divide the loss by $\alpha^2$. The
# weights then move by $1/\alpha$, and the tangent kernel with them. *Prediction:* its relative change is proportional to $1/\alpha$.

# %%
asked = dict(width=kernel_width, images=kernel_images, most_steps=20000, seeds=kernel_seeds)
lazy = sweep(likeness_cells.kernel_change, plans.scale_cells(scales=kernel_scales, **asked), device=device)
claims.report("mechanics.lazy", measures.kernel_slope(lazy, least=4.0, most=64.0))
claims.report("mechanics.lazier", measures.kernel_slope(lazy, least=256.0, most=1e9))
figure(
    "mechanics-lazy",
    curves(lazy, x="scale", y="change", log="xy", labels={"scale": r"factor of the output, $\alpha$"}, **page),
    PowerLaw(-1, "-1"),
    PowerLaw(-2, "-2"),
    caption="Relative change of the tangent kernel during training, against the factor of the output.",
    alt="A falling curve on logarithmic axes, nearly flat below one, steeper than -1 between 4 and 64, and with slope -1 in the end.",
)

# %% [markdown]
# Between 4 and 64 the exponent is {claim}`mechanics.lazy`, further out {claim}`mechanics.lazier`. The change has a part that is linear in what the
# weights move, and one that is quadratic; in a wide network the linear part is a sum of many terms of either sign, and small, so that the
# quadratic one is seen first. *What it does not say:* at which $\alpha$ a given network is lazy.
#
# ## A law: what is learned is conserved
#
# Teach a kernel method one eigenmode at a time, and call the fraction of it that it finds from $n$ data the mode's *learnability* $L_k$. Without
# ridge, whatever the kernel,
#
# $$\sum_k L_k = n,\qquad\text{and on average}\quad L_k\simeq\frac{\lambda_k}{\lambda_k+\kappa}.$$

# %%
asked = plans.learnability_cells(places=circle_places, samples=circle_samples, draws=circle_draws)
learned = sweep(solvable_cells.learnabilities, asked, device=device)
claims.report("mechanics.conservation", measures.conserved(learned))
shown = table_measures.learnability_table(learned, most=2 * circle_samples)
figure(
    "mechanics-learnability",
    curves(shown, x="frequency", y="learnability", theory="predicted", **page),
    caption="Learnability of Fourier modes on a circle: mean over draws of the data, and the theory.",
    alt="Markers fall from one to nearly zero with the frequency, close to the dashed line.",
)

# %% [markdown]
# The sum is the number of data to {claim}`mechanics.conservation`: each datum buys one mode, and a kernel only decides which. (On a circle of a
# finite number of points the data are drawn without repetition, which the average theory does not know; it lies a little off.) *What it does
# not say:* how many modes a network learns that changes its kernel.
#
# From the learnabilities follows the test error, $\mathcal E_0\sum_k(1-L_k)^2v_k^2$ with $\mathcal E_0 = n/(n-\sum_kL_k^2)$, for any kernel whose eigenvalues
# $\lambda_k$ and any task whose coefficients $v_k$ are known. On real data both can be read off the Gram matrix of all images that there are. Here
# is the parity of digits, with the kernel $e^{-\|x-x'\|}$ and a small ridge. (Mind the average: the theory's is over all images, also those that were
# trained on; with their share, known from the theory, taken out, it is that over the others.)

# %%
asked = plans.pool_cells(sizes=pool_sizes, draws=pool_draws)
pool = sweep(solvable_cells.pool_errors, asked, device=device)
claims.report("mechanics.digits-error", measures.pool_distance(pool, least=32))
figure(
    "mechanics-digits",
    curves(pool, x="size", y="error", theory="predicted", log="xy", **page),
    caption="Test error of kernel regression on the parity of digits, mean over draws of the training data, and the theory.",
    alt="Markers fall with the number of data on logarithmic axes, on a dashed line.",
)

# %% [markdown]
# Where it is farthest off, the error is {claim}`mechanics.digits-error` from the prediction, relative to it.
#
# ## A law: errors scale, with features as with data
#
# Inputs with covariance eigenvalues $i^{-(1+\alpha)}$, a teacher that is isotropic, a linear model on $N$ random features with data without end, or on all
# features with $T$ data: both errors fall with the exponent $\alpha$.

# %%
asked = plans.scaling_cells(exponents=[0.5, 1.0], numbers=model_numbers, inputs=model_inputs, seeds=model_draws)
scaled = sweep(solvable_cells.scaling, asked, device=device)
claims.report("mechanics.features", measures.scaling_slope(scaled, limited_by="features", exponent=1.0))
claims.report("mechanics.samples", measures.scaling_slope(scaled, limited_by="samples", exponent=1.0))
claims.report("mechanics.features-half", measures.scaling_slope(scaled, limited_by="features", exponent=0.5))

# %%
figure(
    "mechanics-scaling",
    curves(table_measures.scaling_table(scaled), x="number", y="error", by="name", log="xy", **page),
    PowerLaw(-1, "-1"),
    PowerLaw(-0.5, "-1/2"),
    caption="Error of a linear model that is limited by its features, or by its data, for two covariances.",
    alt="Two pairs of falling lines on logarithmic axes, one of slope about -1/2 and one of about -1; in each pair features and data coincide.",
)

# %% [markdown]
# Features {claim}`mechanics.features`, data {claim}`mechanics.samples`; and for $\alpha = 1/2$, {claim}`mechanics.features-half`. The two coincide because they
# are the same projection of a random matrix and its transpose. *What it does not say:* which exponent a text has; the chapter on language does.
#
# ## A law: the edge of stability
#
# On a quadratic, gradient descent with learning rate $\eta$ is stable while the largest eigenvalue of the Hessian is below $2/\eta$. A network is no
# quadratic: its sharpness grows as it learns, arrives at $2/\eta$, and *stays there*. The eigenvalue comes from Hessian-vector products:
#
# ```{literalinclude} /lib/quire/mechanics/hessian.py
# :language: python
# :pyobject: hessian_product
# ```

# %%
shape = dict(images=edge_images, width=edge_width, seeds=edge_seeds)
asked = plans.edge_cells(rates=[edge_rate, 2 * edge_rate], steps=edge_steps, every=25, **shape)
edge = sweep(trained_cells.edge_of_stability, asked, device=device)
asked = plans.edge_cells(rates=[edge_rate / 10], steps=flow_steps, every=100, **shape)
flow = sweep(trained_cells.edge_of_stability, asked, device=device)
claims.report("mechanics.edge", measures.edge_height(edge, rate=edge_rate))
claims.report("mechanics.edge-large", measures.edge_height(edge, rate=2 * edge_rate))
claims.report("mechanics.unstable", measures.rises(edge, rate=edge_rate))
claims.report("mechanics.small-steps", measures.beyond_edge(flow, rate=edge_rate))

# %%
figure(
    "mechanics-edge",
    curves(table_measures.edge_table(edge, flow), x="time", y="sharpness", by="name", log="x", **page),
    Level(2 / edge_rate, f"2 / {edge_rate:g}"),
    Level(1 / edge_rate, f"2 / {2 * edge_rate:g}"),
    caption="Sharpness along training with three learning rates, against the steps times the learning rate.",
    alt="Three curves that rise together. Two of them stop at their horizontal lines, two over the learning rate, and stay there; the one with "
    "the smallest learning rate goes on above both.",
)

# %% [markdown]
# In units of $2/\eta$ the sharpness settles at {claim}`mechanics.edge`, with twice the learning rate at {claim}`mechanics.edge-large`, while the loss
# rises in {claim}`mechanics.unstable` of the steps and yet falls over many. With a tenth of the rate it grows to {claim}`mechanics.small-steps` times
# the larger rate's limit. *What it does not say:* whether the flatter network generalises better.
#
# ## Hyperparameters: one learning rate for all widths
#
# Wider networks usually need smaller learning rates. If initial sizes and rates of each matrix are scaled by which of its dimensions grow, the
# activations move by the same amount at every width, and the best rate stays where it was:
#
# ```{literalinclude} /lib/quire/mechanics/width_scaling.py
# :language: python
# :pyobject: parameter_groups
# ```

# %%
asked = dict(base_width=widths[0], log_rates=log_rates, steps=rate_steps, seeds=rate_seeds)
rates = sweep(trained_cells.losses_by_rate, plans.rate_cells(widths=widths, **asked), device=device)
claims.report("mechanics.transfer", measures.optimum_drift(rates, parametrisation="maximal"))
claims.report("mechanics.drift", measures.optimum_drift(rates, parametrisation="standard"))
figure(
    "mechanics-rates",
    curves(table_measures.rate_table(measures.optimum(rates)), x="width", y="log_best", by="name", log="x", **page),
    caption="The learning rate of the smallest loss after some steps of Adam, against the width.",
    alt="Two curves from one point: that of the maximal parametrisation rises a little, that of the standard one falls at every width "
    "and much further.",
)

# %% [markdown]
# From the smallest width to the largest the best rate moves by {claim}`mechanics.transfer` octaves in the maximal parametrisation, by
# {claim}`mechanics.drift` in the standard one. The figure's errors
# are those of twenty networks; with five of each width the verdicts changed with the seeds. *What it does not say:* that wider is better; after so few
# steps it is not.
#
# ## Universality: collapse, and alike representations
#
# Let not only the last layer's weights but also its inputs be free. Cross-entropy with weight decay then has one minimum up to rotations: the
# features of a class coincide, class means form a simplex, and the weights are parallel to them. The distance from that is
# {claim}`mechanics.collapse`. *What it does not say:* that trained networks get there. (A mean cosine of $-1/(C-1)$ is no sign of it: it
# follows from subtracting the mean.)

# %%
asked = plans.collapse_cells(classes=10, samples=20, width=32, decay=5e-3, draws=2)
collapse = sweep(solvable_cells.collapsed, asked, device=device)
claims.report("mechanics.collapse", measures.collapse_size(collapse))

# %% [markdown]
# And do two networks that share nothing but the data come to see the same? Compare what their layers say to the same images, up to the best
# rotation:

# %%
asked = plans.likeness_cells(widths=like_widths, epochs=like_epochs, seeds=like_seeds)
alike = sweep(likeness_cells.likeness, asked, device=device)
claims.report("mechanics.random-kernels", measures.likeness_slope(alike, value="kernel", layer=1))
claims.report("mechanics.universality", measures.likeness_order(alike, layer=2))
figure(
    "mechanics-likeness",
    curves(table_measures.likeness_table(alike), x="width", y="alignment", by="name", log="xy", **page),
    caption="Alignment error of two networks' representations, before and after training, against the width.",
    alt="Four curves. Those of untrained networks fall as power laws. Those of trained ones begin far lower and fall slowly, so that "
    "the first meet them at the largest widths.",
)

# %% tags=["nbval-check-output"]
describe(alike[["width", "epochs", "seed", "layer", "alignment", "kernel", "unlike"]])

# %% [markdown]
# Untrained, their kernels approach one another with the exponent {claim}`mechanics.random-kernels`: the law of large numbers. Trained:
# {claim}`mechanics.universality`; narrow networks become alike by training, and wide ones are so from the beginning.
#
# **What it means.** None of these statements is the theory of deep learning; each can fail, and says by how much. **What it does not mean:** that
# what is true of small networks of digits is true of large ones; where the literature says more, the claims say from where.

# %%
claims.scoreboard("mechanics")

# %% [markdown]
# ## Try it
#
# 1. *Too large a step.* `quire run mechanics --profile book -p step_sizes='[0.01,0.02]'`: `mechanics.flow` fails, `mechanics.flow-order` does not.
# 2. *A wider lazy network.* `quire run mechanics --profile book -p kernel_width=1024`: where does the slope become -1?
# 3. *Stop early.* `quire run mechanics --profile book -p edge_steps=200 -p flow_steps=200`: `mechanics.edge` fails; the network is not at the edge yet.
