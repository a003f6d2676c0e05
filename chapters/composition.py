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
# # Diffusion models learn to compose
#
# *A diffusion model that is trained on strings of a hierarchical language learns its rules one level after the other, from
# correlations that need polynomially many data, and does so before it memorises.*
#
# Reading: 20 minutes. Running: under a minute at smoke scale, less than ten minutes at book scale, on two cores.

# %% [markdown]
# **You need:** the grammars of the chapter on language, with $v$ symbols, $m$ synonyms, $s$ children and $L$ levels; what a
# diffusion model does.
#
# **You will see:** the correlations that reveal which strings are synonyms, and how many data they need
# {cite}`favero2025compositional`; a masked diffusion model that learns level after level; what it generates on the way; training
# sets that are too small; the time at which it begins to memorise; and the same in a text.

# %% tags=["parameters"]
# Tokens are correlated only where m < v; a setting that asks for more gets v - 1. Training sets leave data for test and validation.
ensemble_vocab: int = 16  # scale: v of the covariances, in [2, 64]
ensemble_rules: int = 4  # scale: their m, in [1, 32]
ensemble_seeds: int = 10  # scale: grammars, in [1, 1000]
cluster_vocab: int = 16  # scale: v of the clustered strings, in [4, 32]
cluster_rules: list = [3, 4]  # scale: their m, in [2, 8]
cluster_seeds: int = 2  # scale: grammars, in [1, 100]
online_vocab: int = 8  # scale: v of the language that is learned from fresh strings, in [4, 32]
online_rules: list = [3]  # scale: its m, in [2, 8]
online_seeds: int = 1  # scale: grammars, in [1, 100]
online_steps: int = 300  # scale: training steps, in [8, 1000000]
width: int = 32  # scale: channels of the network, in [4, 1024]
finite_vocab: int = 8  # scale: v of the language that is learned from finite sets, in [4, 32]
finite_rules: list = [3]  # scale: its m, in [2, 8]
finite_sizes: list = [128, 512, 2048]  # scale: training sets, in [1, 1000000]
finite_seeds: int = 1  # scale: grammars, in [1, 100]
finite_steps: int = 300  # scale: training steps, in [8, 1000000]
finite_width: int = 32  # scale: channels of the networks, in [4, 1024]
memory_sizes: list = [64, 128]  # scale: training sets that are memorised, in [1, 100000]
memory_seeds: int = 1  # scale: grammars, in [1, 100]
memory_steps: int = 200  # scale: training steps, in [8, 1000000]
memory_width: int = 48  # scale: channels of the networks, in [4, 1024]
batch_size: int = 128  # scale: strings per step, in [1, 4096]
learning_rate: float = 2e-3  # scale: of Adam, in [1e-5, 0.02]
held_out: int = 500  # scale: test strings, and as many for validation, in [2, 100000]
generated: int = 200  # scale: strings that are generated at each look, in [2, 100000]
text: str = "generated"  # scale: which text (a file, if it is at hand), one of generated|shakespeare
text_length: int = 200000  # scale: tokens of the generated text, in [1000, 10000000]
text_seeds: int = 1  # scale: networks, in [1, 100]
text_steps: int = 60  # scale: training steps, in [8, 1000000]
text_width: int = 32  # scale: channels of the network, in [4, 1024]
text_originals: int = 20  # scale: windows that are noised and denoised, in [2, 10000]
text_draws: int = 8  # scale: how often each, in [2, 1000]
text_generated: int = 100  # scale: windows that are generated, in [2, 100000]
device: str = "auto"  # choice: "cpu", "cuda" or "auto"

# %% tags=["setup"]
from quire import claims
from quire.data import MissingData
from quire.experiments.composition import (
    cells,
    data_measures,
    learning_cells,
    measures,
    plans,
    text_cells,
    text_measures,
)
from quire.figures import Level, curves, figure, label_columns
from quire.sweep import describe, sweep

label_columns(
    "composition",
    scaled="$P / P_l$",
    accuracy="accuracy",
    setting="",
    seen="strings seen",
    loss="cross-entropy of hidden tokens, nats",
    bayes="exact",
    level="level",
    samples="training strings $P$",
    step="training steps",
    size="",
    set="",
    time="fraction hidden, $t$",
    susceptibility=r"susceptibility $\chi$",
    distance="distance $r$, characters",
    correlation="$C(r)/C(0)$",
    square="squared correlation",
    noise="",
    data="",
)
page = dict(size=(4.8, 3.2))

# %% [markdown]
# What is predicted stands in the ledger before anything runs:

# %% tags=["nbval-check-output"]
claims.expected("composition")

# %% [markdown]
# ## Which strings are synonyms?
#
# The $m$ strings that a symbol can be replaced by have the same law of everything beside them. So two strings of level $l$ (below a
# symbol of level $l$) are synonyms if they have the same covariance with a token beyond, and the nearest such token shares with them an
# ancestor of level $l+1$. Over the random rules, with $f = m/v^{s-1}$,
#
# $$\langle C^2\rangle_l \simeq \frac{1-f}{v^3\,m^{l+3}}:$$
#
# $1/m$ for the rules of the common ancestor, $1/m^2$ for the choice of the string, and $1/m$ for each of the $l$ steps from the
# ancestor's other child down to the token. It is exact for a given grammar, with no sampling:

# %%
covariances = sweep(
    cells.string_covariances,
    plans.covariance_cells(ensemble_vocab, ensemble_rules, seeds=ensemble_seeds),
    device=device,
)
claims.report("composition.covariance-1", measures.covariance_ratio(covariances, level=1))
claims.report("composition.covariance-2", measures.covariance_ratio(covariances, level=2))
claims.report("composition.covariance-3", measures.covariance_ratio(covariances, level=3))

# %% [markdown]
# Exact over law: {claim}`composition.covariance-1`, {claim}`composition.covariance-2`, {claim}`composition.covariance-3`; each level
# costs a factor near $1 - 1/v$. An empirical table of $P$ data has the sampling noise $1/(v^2 m P)$, and the two are equal at
#
# $$P_l = \frac{v\,m^{l+2}}{1-f} .$$
#
# A dictionary, for an off-by-one is a factor $m$: our $l$ is the level of the symbol whose strings are grouped. The paper counts the
# common ancestor, $\ell = l+1$, so that the same number reads $v\,m^{\ell+1}$ there, and is what generated strings of the *ancestor's*
# level wait for: to write these one must know which strings of level $l$ mean the same.
#
# *Prediction:* $k$-means on the rows of the empirical table finds the synonyms at one $P/P_l$, for every level and every $m$.

# %%
clusters = sweep(
    cells.clustering, plans.clustering_cells(cluster_vocab, cluster_rules, seeds=cluster_seeds), device=device
)
claims.report("composition.clustering", measures.clustering_collapse(clusters))

# %%
figure(
    "composition-clusters",
    curves(measures.clustering_table(clusters), x="scaled", y="accuracy", by="setting", log="x", **page),
    caption="Strings that are put with their synonyms, against data in units of the level's own number.",
    alt="Curves for three m and two levels rise with the data. Far above the threshold those for three and four "
    "synonyms are close to one, those for two lower.",
)

# %%
measures.places_in_units(measures.clustering_places(clusters))

# %% [markdown]
# The places where the curves are half-way differ by a factor {claim}`composition.clustering` between the earliest and the latest. Between
# the levels of one language they agree; what spreads is $m = 2$, where each string has a single partner: chance is high there, and the few
# symbols whose covariance happens to be small are found late. One power of $m$ too many would set the two *levels* apart, by $m$ itself.
#
# ## A diffusion model
#
# Hide each token of a string with probability $t$, with $t$ uniform on $(0, 1)$, and let a network say what stood there. Its loss, the
# cross-entropy of the hidden tokens, is the loss of masked diffusion, and to generate one hides everything and fills in one token after
# the other, in random order:
#
# ```{literalinclude} /lib/quire/diffusion/masked_samplers.py
# :language: python
# :pyobject: sample_any_order
# ```
#
# The network is a U-Net with the shape of the tree; an ensemble of training sets and seeds is one batched network. The best that any
# model can do on the same hidden tokens is known: sum-product gives the exact law of each.
#
# ## Levels in order
#
# First with fresh strings at every step. Generated strings are parsed from the bottom up: $A_l$ is the fraction of sub-trees of height
# $l$ that are grammatical.

# %%
training = dict(batch_size=batch_size, learning_rate=learning_rate, held_out=held_out, generated=generated)
asked = plans.online_cells(online_vocab, online_rules, seeds=online_seeds, steps=online_steps, width=width, **training)
online = sweep(learning_cells.learning, asked, device=device)
main = online[online.num_rules == (3 if 3 in online_rules else online.num_rules.min())]

# %%
shown = measures.accuracy_table(main, x="seen", measure="valid", levels=3)
figure(
    "composition-order",
    curves(shown, x="seen", y="accuracy", by="level", log="x", **page),
    caption="Fraction of generated sub-trees of height 1, 2, 3 that are grammatical, against the strings seen in training.",
    alt="Three rising curves, one after the other: height 1 first, then height 2, then height 3.",
)

# %%
claims.report("composition.order", measures.half_way_order(main, x="seen", measure="valid", levels=[1, 2, 3]))
claims.report("composition.step-2", measures.step_ratio(main, level=2))
claims.report("composition.step-3", measures.step_ratio(main, level=3))
claims.report("composition.final-1", measures.final_validity(main, level=1))
claims.report("composition.final-2", measures.final_validity(main, level=2))
claims.report("composition.final-3", measures.final_validity(main, level=3))

# %% [markdown]
# Half-way between chance and one at $\ln$ strings of {claim}`composition.order`: level 2 takes {claim}`composition.step-2` times the strings
# of level 1, level 3 {claim}`composition.step-3` times those of level 2. While one level is being learned, text is generated that is
# grammatical up to it and no further. In the end the fractions are {claim}`composition.final-1`, {claim}`composition.final-2` and
# {claim}`composition.final-3`.

# %%
claims.report("composition.bayes", measures.loss_excess(main))
figure(
    "composition-loss",
    curves(measures.loss_table(main), x="seen", y="loss", theory="bayes", log="x", **page),
    caption="Cross-entropy of hidden test tokens, and the exact value for the same tokens (dashed).",
    alt="The loss falls over two decades of strings towards a dashed horizontal line and ends a little above it.",
)

# %% [markdown]
# What is left above the exact value is {claim}`composition.bayes` nats. Does the time of each level scale as its number of data?

# %%
for name, above in (("", 0), ("-above", 1)):
    spread = measures.time_collapse(online, measure="given", levels=[1, 2], above=above)
    claims.report(f"composition.time-collapse{name}", spread)

# %%
measures.places_in_units(measures.scaled_places(online, x="seen", measure="given", levels=[1, 2], above=1))

# %% [markdown]
# If level $l$ waited for its own $P_l$, the strings seen at half-way, in units of $P_l$, would be the same for all: they differ by a factor
# {claim}`composition.time-collapse`. But a string of level $l$ can be *written* by somebody who knows which strings occur, without knowing
# which are synonyms; it is the level above that needs the synonyms, as the symbols of its own strings. Comparing $P_l$ with level $l+1$,
# the factor is {claim}`composition.time-collapse-above`. Time is not only data: however few strings a level needs, gradient descent takes its
# steps, and the top level is slow.
#
# ## Too few data
#
# Now $P$ different strings, passed through again and again. All $P$ are trained at once; of each, the look with the lowest validation loss
# counts (early stopping). The conditional accuracy $a_l$ is the fraction of blocks that are grammatical, among those whose children
# are; its chance is $f$ at every level.

# %%
sizes = dict(seeds=finite_seeds, sizes=finite_sizes, steps=finite_steps, width=finite_width)
asked = plans.finite_cells(finite_vocab, finite_rules, **sizes, **training)
finite = sweep(learning_cells.learning, asked, device=device)
claims.report("composition.sample-order", data_measures.sample_order(finite, levels=[1, 2]))
claims.report("composition.monotone", data_measures.largest_fall(finite, levels=3))
claims.report("composition.collapse", data_measures.collapse(finite, levels=[1, 2], above=0))
claims.report("composition.collapse-above", data_measures.collapse(finite, levels=[1, 2], above=1))

# %%
shown = data_measures.places_table(finite, levels=[1, 2], above=1)
figure(
    "composition-samples",
    curves(shown, x="scaled", y="accuracy", by="setting", log="x", **page),
    caption="Conditional accuracy of level l + 1 in early-stopped models, against data in units of P_l.",
    alt="Curves of level 2 rise to nearly one and cross half-way near the threshold, for both m. Those of level 3 rise more slowly and end lower.",
)

# %% tags=["nbval-check-output"]
columns = ["num_rules", "seed", "samples", "step", "test", "bayes", "valid_1", "valid_2", "valid_3"]
describe(data_measures.early_stopped(finite)[[*columns, "copies", "base_rate"]])

# %% [markdown]
# The first two levels are half-way at $\ln P$ of {claim}`composition.sample-order`; the largest fall of an accuracy with more data is
# {claim}`composition.monotone`. In units of $P_l$, level $l$ spreads by a factor {claim}`composition.collapse`, and level $l+1$ by
# {claim}`composition.collapse-above`. Level 1 takes far less than $P_1$, for the reason above: what occurs is known before who is whose
# synonym. Level 2 gets half-way near $P_1$. Level 3 of the language with four synonyms is limited by the training rather than by the data: its
# loss is still falling at the last step.
#
# ## Memorisation comes later
#
# A model that has seen its strings often enough begins to know them: the loss on them falls below that on new ones. Call the step at which
# the gap is a tenth of the loss the time to memorise. *Prediction:* it is proportional to $P$.

# %%
sizes = dict(seeds=memory_seeds, sizes=memory_sizes, steps=memory_steps, width=memory_width)
asked = plans.finite_cells(finite_vocab, finite_rules[:1], **sizes, **training)
memory = sweep(learning_cells.learning, asked, device=device)
claims.report("composition.memorisation", data_measures.memorisation_exponent(memory))
claims.report("composition.early", data_measures.early_stopping(memory))
claims.report("composition.copies", data_measures.copies_over_base(finite))

# %%
figure(
    "composition-gap",
    curves(data_measures.gap_table(memory), x="step", y="loss", by="size", panels="set", log="x", size=(3.6, 3.2)),
    caption="Loss on the training set and on new strings, for each P.",
    alt="Two panels. On new strings the loss falls, has a minimum and rises again, earlier and more steeply for small P. On the "
    "training set it only falls, faster for small P.",
)

# %%
same = finite.num_rules == memory.num_rules.iloc[0]
narrow = finite[same & finite.samples.between(min(memory_sizes), max(memory_sizes))]
figure(
    "composition-memorisation",
    curves(data_measures.memorisation_table(memory, narrow), x="samples", y="step", by="setting", log="xy", **page),
    caption="Steps until the test loss exceeds the training loss by a tenth, against the size of the training set.",
    alt="Two rising curves on logarithmic axes, a little steeper than proportional; the narrower networks take longer.",
)

# %% [markdown]
# The exponent is {claim}`composition.memorisation`. Is it the size of the network? The same, with the narrower networks of the section before:

# %%
data_measures.exponents_table(memory, narrow)

# %% [markdown]
# Twice the width memorises sooner with much the same exponent, so that it is not the size of the network that makes it steeper than
# proportional. The criterion is relative to a test loss that falls with $P$: a model that has learned more rules has less of a gap to open.
# (We did not separate the two; a larger language, of which $P$ is a smaller part, is the test: exercise 5.)
# Early stopping and memorisation stand at $\ln$ steps of {claim}`composition.early`. Among the
# strings of the early-stopped model with the most data there are copies of training strings, but {claim}`composition.copies` times as many as
# in random strings of the language: they are no sign of memory.
#
# ## A text
#
# Characters have no known grammar, but the same two questions can be asked of them. Hide a fraction $t$ of a window, fill it in, and see
# which characters have changed: the susceptibility $\chi$ is the number of characters that change together. And generate windows: up
# to which distance are they correlated as the text is? Without the works of Shakespeare at hand the text is generated.

# %%
shape = dict(length=text_length, width=text_width, steps=text_steps, batch_size=batch_size, learning_rate=learning_rate)
shape |= dict(originals=text_originals, draws=text_draws, generated=text_generated)
source = text
try:
    texts = sweep(text_cells.text_learning, plans.text_cells(source, seeds=text_seeds, **shape), device=device)
except MissingData:
    print("Shakespeare is not at hand and cannot be downloaded: the text is generated instead.")
    source = "generated"
    texts = sweep(text_cells.text_learning, plans.text_cells(source, seeds=text_seeds, **shape), device=device)
name = {"shakespeare": "Shakespeare", "generated": "generated by a varying-tree grammar"}[source]

# %%
claims.report("composition.susceptibility", text_measures.peak_ratio(texts))
claims.report("composition.interior", text_measures.peak_time(texts))
claims.report("composition.text-reach", text_measures.reach_order(texts))

# %%
figure(
    "composition-susceptibility",
    curves(text_measures.susceptibility_table(texts), x="time", y="susceptibility", **page),
    Level(1.0, "independent"),
    caption=f"Characters that change together, against the fraction that is hidden ({name}).",
    alt="The susceptibility rises from near one where little is hidden, and stays about level where most is.",
)

# %%
figure(
    "composition-text",
    curves(text_measures.correlation_table(texts, looks=3), x="distance", y="square", by="data", log="xy", **page),
    caption=f"Squared correlations of two characters in generated windows along training, and in the text ({name}).",
    alt="Falling curves; those of longer training lie higher, closer to that of the text.",
)

# %% [markdown]
# The largest $\chi$ is {claim}`composition.susceptibility` times that at the smallest $t$, at $t$ of {claim}`composition.interior`. Generated text is
# correlated like the text up to $\ln r$ of {claim}`composition.text-reach`.
#
# **What it means.** Nobody told the network that there are levels. Their order follows from the size of correlations alone, and so
# do the data that each needs: powers of $m$, not the exponentially many strings. **What it does not mean:** the networks have the shape
# of the tree; the language is small; and a text of a million characters teaches a small network little beyond words.

# %%
claims.scoreboard("composition")

# %% [markdown]
# ## Try it
#
# 1. *Stop sooner.* `quire run composition --profile book -p online_steps=300`: level 3 is not learned yet, and `composition.final-3` and
#    `composition.bayes` should fail.
# 2. *A wider network.* `quire run composition --profile book -p memory_width=192`: it memorises sooner; does the exponent come closer to one?
# 3. *More synonyms.* `quire run composition --profile book -p cluster_rules='[3,4,6]'`: `composition.clustering` compares languages in
#    which no symbol has a single partner.
# 4. *Longer training.* `quire run composition --profile book -p finite_steps=6000`: level 3 of the language with four synonyms gets half-way,
#    and `composition.collapse-above` has all of its four curves.
# 5. *A larger language.* `quire run composition --profile book -p finite_vocab=16 -p finite_rules='[4]' -p memory_width=64`: is
#    `composition.memorisation` closer to one?
