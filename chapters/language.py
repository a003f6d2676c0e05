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
# # Learning a language from its correlations
#
# *A model that predicts the last token climbs the hierarchy step by step: with $P$ data it can see the correlations of tokens up to a
# distance $t^*(P)$ and no further, so that its loss descends along the exact conditional entropies of longer and longer contexts.*
#
# Reading: 20 minutes. Running: about 20 seconds at smoke scale, 3 to 5 minutes at book scale, on two cores.

# %% [markdown]
# **You need:** the previous chapter's grammars; entropy and Kullback–Leibler divergence.
#
# **You will see:** plateaus in the correlations of tokens, the noise floor that hides the far ones, and their decay
# $t^{-\ln m/\ln s}$ {cite}`cagnetta2024ntp`; exact last-token entropies, computed by sum-product on the tree; a counting $n$-gram that
# needs exponentially many data, and one that first finds the synonyms and does not; a convolutional network and a transformer; what a
# short context costs; and in a text the same correlations, and the learning curves that they collapse.

# %% tags=["parameters"]
# Tokens are correlated only where m < v; a setting that asks for more gets v - 1.
plateau_vocab: int = 16  # scale: v of the sampled correlations, in [2, 64]
plateau_rules: int = 4  # scale: m of the sampled correlations, in [1, 32]
plateau_sizes: list = [1000, 30000]  # scale: numbers of data, in [2, 10000000]
ensemble_settings: list = [[32, 8]]  # scale: [v, m] of the ensemble averages at L of 3, in [2, 64] [1, 63]
ensemble_seeds: int = 16  # scale: grammars per setting, in [1, 1000]
entropy_settings: list = [[16, 4, 4]]  # scale: [v, m, L] of the exact entropies, in [2, 32] [1, 31] [1, 6]
entropy_seeds: int = 2  # scale: grammars per setting, in [1, 1000]
entropy_probes: int = 300  # scale: contexts per grammar, in [2, 10000]
learn_vocab: int = 8  # scale: v of the learned grammar, in [4, 32]
learn_rules: int = 3  # scale: m of the learned grammar, in [3, 16]
learn_seeds: int = 1  # scale: grammars, in [1, 100]
cnn_sizes: list = [64, 512, 2048]  # scale: training sets of the convolutional network, in [1, 1000000]
local_sizes: list = [64, 512, 2048]  # scale: training sets of the network without shared weights, in [1, 1000000]
transformer_sizes: list = [512, 2048]  # scale: training sets of the transformer, in [1, 2000000]
context_sizes: list = [128, 1024]  # scale: training sets with a short context, in [1, 1000000]
ngram_sizes: list = [100, 1000, 10000, 100000]  # scale: data of the counting n-gram, in [1, 10000000]
inferred_sizes: list = [100, 1000, 10000]  # scale: data of the n-gram that infers synonyms, in [1, 1000000]
counting_rules: list = [2, 3]  # scale: m of the grammars whose strings are counted at v of 12, in [2, 11]
max_steps: int = 600  # scale: longest training, in [1, 100000]
width: int = 64  # scale: channels of the convolutional network; the transformer has 64, in [1, 1024]
text: str = "generated"  # scale: which text (a file, if it is at hand), one of generated|shakespeare
text_length: int = 200000  # scale: tokens of the generated text, in [1000, 10000000]
text_sizes: list = [1000, 8000, 64000]  # scale: windows of the text, in [1, 1000000]
text_seeds: int = 2  # scale: draws of the windows, in [1, 100]
loss_contexts: list = [1, 2, 4]  # scale: characters that the text's transformers see, in [1, 32]
loss_sizes: list = [500, 2000, 8000]  # scale: windows that they are trained on, in [1, 1000000]
loss_seeds: int = 1  # scale: draws of windows and weights, in [1, 100]
loss_width: int = 32  # scale: width of the transformers, raised to a multiple of four, in [1, 512]
loss_depth: int = 2  # scale: their attention layers, in [1, 8]
loss_rate: float = 0.01  # scale: their learning rate, smaller for wider networks, in [0.0001, 0.1]
loss_steps: int = 200  # scale: their longest training, in [1, 100000]
loss_probes: int = 1024  # scale: validation windows, and as many test windows, in [2, 100000]
device: str = "auto"  # choice: "cpu", "cuda" or "auto"

# %% tags=["setup"]
from quire import claims
from quire.data import MissingData
from quire.experiments.language import (
    cells,
    counting_cells,
    learning_measures,
    loss_cells,
    measures,
    network_cells,
    plans,
    text_cells,
    text_measures,
)
from quire.figures import Level, curves, figure, label_columns
from quire.sweep import describe, grid, sweep

label_columns(
    "language",
    rms=r"correlation $\tilde C(t)$",
    distance="distance $t$ to the last token",
    data="",
    setting="",
    law="finite-size formula",
    tokens="context and last token, $n + 1$",
    entropy="exact entropy",
    bound=r"$\ln\bar N_l$",
    samples="data $P$",
    loss="cross-entropy, nats",
    grams="counting",
    counted="counted after",
    network="",
    divergence="divergence from the exact law, nats",
    seen="context",
    scaled_distance="$t / P^{1/z}$",
    scaled_rms=r"$\tilde C(t)\,\sqrt{P}$",
    counting_loss="counting n-gram",
    scaled_samples="$P / t^z$",
    scaled_loss=r"$L\, t^{\alpha z}$, nats",
)
page = dict(size=(4.6, 3.1))  # of every figure; below, the axes of a correlation and of a loss
decaying = dict(x="distance", y="rms", log="xy", **page)
learning = dict(x="samples", y="loss", log="x", **page)

# %% [markdown]
# What is predicted stands in the ledger before anything runs:

# %% tags=["nbval-check-output"]
claims.expected("language")

# %% [markdown]
# ## Correlations have plateaus
#
# The covariance of the last token $X_d$ with the one $t$ before it depends on $t$ through the level $l$ of their lowest common ancestor:
# $t = s^{l-1}, \dots, s^l - 1$ is one plateau. It is exact for a given grammar, in $O(L v^3)$: the rules at the ancestor, then one
# Markov step per level down each branch.
#
# ```{literalinclude} /lib/quire/hierarchy/correlations.py
# :language: python
# :pyobject: node_joint
# ```
#
# Let $\tilde C(t)$ be its root mean square over the $v^2$ pairs of symbols. In $P$ data it is hidden below a floor
# $1/(v\sqrt P)$.

# %%
asked = plans.correlation_cells(plateau_vocab, plateau_rules, sizes=plateau_sizes)
sampled = sweep(cells.sampled_correlations, asked, device=device)
claims.report("language.noise", measures.noise_constant(sampled))

# %%
shown = measures.plateau_table(sampled)
figure(
    "language-plateaus",
    curves(shown, by="data", **decaying),
    caption="Correlation of the last token with the one t before, in P data and exactly: three plateaus and a floor.",
    alt="The exact curve is a staircase with steps at t = 1, 2 to 3 and 4 to 7. Curves from few data follow it to the "
    "first or second step and then level off at a floor that falls as more data are used.",
)

# %% tags=["nbval-check-output"]
describe(sampled[["samples", "distance", "level", "measured", "floor", "exact"]], units={"distance": "tokens"})

# %% [markdown]
# The floor: {claim}`language.noise` in units of $1/(v^2P)$. Averaged over grammars, with $f = m/v^{s-1}$,
#
# $$\langle\tilde C^2\rangle_l \simeq \frac{1-f}{v^3 m^{2l-1}},\qquad\text{so}\quad \tilde C(t)\sim t^{-b},\quad b = \frac{\ln m}{\ln s} .$$
#
# :::{admonition} Where the square of a plateau comes from
# :class: dropdown
# The ancestor has $v m$ rules, drawn without repetition from $v^s$ strings; the number of those with symbol $a$ in one place and $b$ in
# another is hypergeometric, of mean $v m/v^2$ and variance about $(1 - f)\, v m / v^2$. Divided by $(v m)^2$ that is the variance of their joint
# probability, $(1-f)/(v^3 m)$: the case $l = 1$. One level further down on one branch, a symbol is replaced by what $m$ random rules put
# in a place: the new covariance is a sum over $v$ symbols of the old one with weights of variance $1/(v m)$, and its mean square is smaller by
# $v \cdot 1/(v m) = 1/m$. There are $l - 1$ such steps on each of two branches, hence $m^{-2(l-1)}$.
# :::
#
# A plateau is seen when it exceeds the floor, from $P_l = v\,m^{2l-1}/(1-f)$ on; hence the range $t^*(P)\sim P^{1/2b}$.

# %%
ensemble = sweep(
    cells.ensemble_correlations, plans.ensemble_cells(ensemble_settings, seeds=ensemble_seeds), device=device
)

# %%
shown = measures.decay_table(ensemble)
figure(
    "language-decay",
    curves(shown, by="setting", theory="law", labels={"distance": "first distance $t$ of the plateau"}, **decaying),
    caption="Decay of the correlations, averaged over grammars, and the formula without free parameters.",
    alt="Points at t = 1, 2, 4 fall on straight lines on logarithmic axes, steeper for more synonyms, on the dashed "
    "formulas.",
)

# %%
claims.report("language.correlation-1", measures.correlation_ratio(ensemble, level=1))
claims.report("language.correlation-2", measures.correlation_ratio(ensemble, level=2))
claims.report("language.correlation-3", measures.correlation_ratio(ensemble, level=3))
claims.report("language.asymptotic", measures.asymptotic_ratio(ensemble, level=3))
claims.report("language.decay", measures.decay_exponent(ensemble))
claims.report("language.string-token", measures.string_ratio(ensemble, level=2))

# %% [markdown]
# By plateau: {claim}`language.correlation-1`, {claim}`language.correlation-2`, {claim}`language.correlation-3`; the simple law is worst on
# the last, {claim}`language.asymptotic`; the slope is {claim}`language.decay`. With the *string* of $s$ tokens at that place the squared
# correlation is smaller by $m$, {claim}`language.string-token`, and so is its noise, $1/(v^2 m P)$: strings emerge at the same $P_l$, and
# with them their synonyms, which share one correlation with the last token.
#
# ## What could be known: exact entropies
#
# A predictor that sees the last $n$ tokens can at best have the conditional entropy $H_n$. On a tree it is computed exactly: the siblings
# along the right-most path are parsed by table look-up, and the law of the last token follows in one step per level.
#
# ```{literalinclude} /lib/quire/hierarchy/last_token.py
# :language: python
# :pyobject: _by_look_up
# ```
#
# Counting the tokens that remain possible gives a bound, $H_{s^l-1} \le \ln\bar N_l$ with $\bar N_0 = v$, $\bar N_{l+1} = 1 + f\bar N_l$.

# %%
asked = plans.entropy_cells(entropy_settings, seeds=entropy_seeds, probes=entropy_probes)
entropy = sweep(cells.entropies, asked, device=device)
claims.report("language.bound", measures.tightest_bound(entropy))
claims.report("language.entropy-ratio", measures.entropy_ratio(entropy))

# %%
shown = measures.entropy_table(entropy)
named = dict(labels={"entropy": "$H_n$, nats"})
figure(
    "language-entropies",
    curves(shown, x="tokens", y="entropy", by="setting", theory="bound", log="x", **named, **page),
    caption="Exact entropy of the last token against the length of the context, and the bound at n = s^l - 1.",
    alt="Entropies fall with the context in steps, the largest at n = 1, 3, 7 and so on, below a dashed bound; between "
    "the large steps there are smaller ones.",
)

# %% [markdown]
# The tightest case of the bound: {claim}`language.bound`. The last steps shrink by the fraction $f$ of grammatical strings,
# {claim}`language.entropy-ratio`: together with $P_l$ this makes the loss fall as a power of $P$.
#
# ## What fails: counting
#
# The $n$-gram counts which token followed each context. It needs every context, and there are $v\,m^{(s^l-1)/(s-1)}$ strings of $s^l$
# tokens: exponentially many in the length.

# %%
learned = plans.learned(learn_vocab, learn_rules, seeds=learn_seeds)
v, m = learned["vocab"], learned["num_rules"]
ngrams = sweep(counting_cells.ngram_curve, grid(**learned, level=[1, 2, 3], sizes=[ngram_sizes]), device=device)

# %%
shown = learning_measures.gram_table(ngrams)
figure(
    "language-ngrams",
    curves(shown, by="grams", theory="entropy", **learning),
    caption=f"Counting n-grams against the number of data, v = {v}, m = {m}, and the entropies that they tend to.",
    alt="Three curves fall with the number of data to their own exact entropy; the longer the context, the lower the "
    "entropy and the later the fall.",
)

# %%
counting = sweep(counting_cells.ngram_curve, plans.counting_cells(counting_rules), device=device)
claims.report("language.counting", learning_measures.counting_exponent(counting))

# %% [markdown]
# The number of data for half a nat of excess grows as a power {claim}`language.counting` of the number of strings.
#
# ## What works: synonyms first
#
# The strings that one symbol can be replaced by have the same law of everything beside them. So describe each string by what stands
# next to it, in units of the sampling noise, and let the $v$ most similar groups be the symbols of the next level; then do the same
# with strings of these.
#
# ```{literalinclude} /lib/quire/hierarchy/hierarchical_ngrams.py
# :language: python
# :pyobject: _grouped
# ```
#
# The *hierarchical* $n$-gram counts the last token after the symbols beside its path to the root, one for each of $l$ levels instead of
# $2^l-1$ tokens. Prediction: inferred symbols are the tokens of a grammar one level shorter, so $v\,m^3/(1-f)$ data reveal the synonyms
# of every level; and $v\,m^l$ paths are left to count, where there were $v\,m^{2^l-1}$ strings. For eight tokens the gain is $m^4$.

# %%
inferred = sweep(
    counting_cells.hierarchical_ngram_curve, grid(**learned, level=3, sizes=[inferred_sizes]), device=device
)
limits = sweep(cells.entropies, grid(**learned, contexts=[[0, 1, 3, 7]], probes=2000), device=device)
exact_levels = [Level(value, f"$H$ after {n}") for n, value in learning_measures.mean_entropies(limits).items()]

# %%
shown = learning_measures.by_counted(ngrams, inferred, level=3)
figure(
    "language-hierarchical",
    curves(shown, by="counted", **learning),
    *exact_levels,
    caption=f"Counting after all seven tokens, and after three symbols, one for each level (the upper two inferred), v = {v}, "
    f"m = {m}, L = 3; exact entropies of contexts of 0, 1, 3, 7 tokens.",
    alt="Both curves fall from the entropy without context. The one that infers synonyms drops to the entropy of seven tokens "
    "over one or two decades; the other lingers near the entropy of three tokens and arrives more than two decades later.",
)

# %%
claims.report("language.hierarchical-ngram", learning_measures.hierarchical_gain(ngrams, inferred, limits))
claims.report("language.synonyms-1", learning_measures.synonym_need(inferred, level=1))
claims.report("language.synonyms-2", learning_measures.synonym_need(inferred, level=2))

# %% [markdown]
# The gain is $m$ to the power {claim}`language.hierarchical-ngram`. Half of the symbols are right by {claim}`language.synonyms-1` times
# $v\,m^3/(1-f)$ data on the first level, {claim}`language.synonyms-2` on the second: there is no curse on the way up. With fewer data the
# groups are arbitrary, and the counts fall back on the nearest token.
#
# ## Networks find the rules as well
#
# A convolutional network matched to the tree, the same without shared weights (locally connected) and an attention-only transformer predict a masked last token. Loss is the exact entropy plus
# the divergence of the exact law from the network's, averaged over test contexts; training stops early on a validation set, and no datum
# is in two of the three sets.

# %%
cnn = plans.learner("cnn", width=width, sizes=cnn_sizes, learning_rate=1.0)
local = plans.learner("lcn", width=width, sizes=local_sizes, learning_rate=1.0)
transformer = plans.learner("transformer", width=64, sizes=transformer_sizes, learning_rate=0.02)
asked = plans.curve_cells(learned, cnn, local, transformer, context=7, max_steps=max_steps)
networks = sweep(network_cells.last_token_curve, asked, device=device)

# %%
figure(
    "language-steps",
    curves(networks, by="network", **learning),
    *exact_levels,
    caption=f"Last-token loss of three networks, v = {v}, m = {m}, L = 3, and the exact entropies of contexts of 0, 1, 3, 7 "
    "tokens.",
    alt="Loss against data. The two networks matched to the tree descend together from the entropy without context past those of one and "
    "three tokens to the smallest; the transformer descends later.",
)

# %%
figure(
    "language-divergence",
    curves(networks, x="samples", y="divergence", by="network", log="xy", **page),
    caption="The excess of the loss over the exact entropy, on logarithmic axes.",
    alt="Three falling curves on logarithmic axes, the two networks matched to the tree close together and below the transformer at large P.",
)

# %% tags=["nbval-check-output"]
describe(networks[["network", "seed", "samples", "loss", "entropy", "divergence"]], units={"loss": "nats"})

# %%
claims.report("language.final-loss", learning_measures.final_excess(networks, network="cnn"))
claims.report("language.step-ratio", learning_measures.step_ratio(networks, limits, network="cnn"))
claims.report("language.step-ratio-unshared", learning_measures.step_ratio(networks, limits, network="lcn"))
claims.report("language.cnn-beats-transformer", learning_measures.by_network(networks, samples=8192))
claims.report("language.unshared", learning_measures.unshared_gap(networks, samples=8192))

# %% [markdown]
# Between the middles of the exact entropies the data grow by a power of $m$, {claim}`language.step-ratio`, and the loss ends at {claim}`language.final-loss` from the
# exact law. A rule learned at one place is known at all if the weights are shared, $P_l = v\,m^{l+1}/(1-f)$ instead of $v\,m^{2l-1}/(1-f)$: without
# shared weights the factor should be $m^2$, and it is {claim}`language.step-ratio-unshared`: at this size the sharing does not show. The transformer is behind ({claim}`language.cnn-beats-transformer`), but not
# for want of shared weights: the locally connected network does without them, and its divergence differs by {claim}`language.unshared`. The steps are smeared at this size; a network that sees fewer tokens shows them one
# by one. It saturates where its context is exhausted.

# %%
short = plans.learner("cnn", width=64, sizes=context_sizes)
asked = plans.curve_cells(learned, short, context=[1, 3], max_steps=max_steps)
saturated = sweep(network_cells.last_token_curve, asked, device=device)
claims.report("language.context-1", learning_measures.excess_of_context(saturated, context=1))
claims.report("language.context-3", learning_measures.excess_of_context(saturated, context=3))

# %%
shown = learning_measures.context_table(saturated)
figure(
    "language-contexts",
    curves(shown, by="seen", theory="entropy", **learning),
    caption="Loss of networks that see the last one or three tokens: each saturates at the exact entropy of its context.",
    alt="Two curves fall and level off at two dashed horizontal lines, the exact entropies after one and three tokens.",
)

# %% [markdown]
# Distance to the entropy of one token: {claim}`language.context-1`; of three: {claim}`language.context-3`.
#
# ## A text
#
# Nothing in the argument needs the tree to be known. Measure $\tilde C(t)$ between the characters of a text, from $P$ windows at random places;
# where it meets the floor is the range $t^*(P)$ of what $P$ windows can teach. With the works of Shakespeare at hand they are used; without
# them the text is generated by a grammar whose symbols have two or three children, so that words and sentences vary in length
# {cite}`parley2026parse`, and the claims about Shakespeare remain untested.

# %%
source, drawn = text, dict(length=text_length, sizes=text_sizes, seeds=text_seeds)
try:
    decay = sweep(text_cells.character_correlations, plans.decay_cells(source, **drawn), device=device)
except MissingData:
    print("Shakespeare is not at hand and cannot be downloaded: the text is generated instead.")
    source = "generated"
    decay = sweep(text_cells.character_correlations, plans.decay_cells(source, **drawn), device=device)
name = {"shakespeare": "Shakespeare", "generated": "generated by a varying-tree grammar"}[source]

# %%
shown = text_measures.decay_table(decay)
figure(
    "language-text",
    curves(shown, by="data", labels={"distance": "distance $t$, characters"}, **decaying),
    caption=f"Correlation of characters against distance, from P random windows and from all of a text ({name}).",
    alt="Curves fall with distance as one power law until each levels off at its own floor, which is lower for more "
    "windows.",
)

# %% [markdown]
# Rescaled by the floor, $\tilde C\sqrt P$ against $t/P^{1/z}$ with $z = 2b$ collapses the windows on one curve.

# %%
z = text_measures.dynamic_exponent(decay)
claims.report("language.text-decay", text_measures.decay_exponent(decay))
claims.report("language.text-horizon", text_measures.horizon_exponent(decay))
claims.report("language.text-floor", text_measures.floor_constant(decay))

# %%
shown = text_measures.collapsed_correlations(decay, z)
figure(
    "language-collapse",
    curves(shown, x="scaled_distance", y="scaled_rms", by="data", log="xy", **page),
    caption=f"The same curves in units of floor and range ({name}).",
    alt="The curves for different numbers of windows lie on one another: a power law followed by a flat floor.",
)

# %% [markdown]
# For Shakespeare: $b$ is {claim}`language.text-decay` in the window from 2 to 20 characters (it depends on the window: the first lag is off
# the law, and beyond 20 characters the decay slows), $z/2b$ is {claim}`language.text-horizon`, and the floor {claim}`language.text-floor`.
#
# ## What the range does to the loss
#
# With $P$ windows a predictor can use $t^*(P)\sim P^{1/z}$ characters. If its loss falls as $P^{-\alpha}$ as long as more context keeps helping,
# and stops where the context $t$ that it is given is exhausted, then $L(P,t) = t^{-\alpha z}F(P/t^z)$ {cite}`cagnetta2024ntp`: no new exponent but
# $\alpha$. Small transformers see $t$ characters and predict the next; early stopping uses windows of another stretch of the text than the
# training windows, and the loss is measured on a third. Counting is shown beside them.

# %%
drawn = dict(length=text_length, contexts=loss_contexts, sizes=loss_sizes, seeds=loss_seeds, probes=loss_probes)
training = dict(width=loss_width, depth=loss_depth, learning_rate=loss_rate, max_steps=loss_steps)
text_losses = sweep(loss_cells.character_losses, plans.loss_cells(source, **drawn, **training), device=device)

# %%
shown = text_measures.loss_table(text_losses)
named = dict(labels={"samples": "windows $P$", "seen": ""})
figure(
    "language-text-losses",
    curves(shown, by="seen", theory="counting_loss", **learning, **named),
    caption="Test loss of transformers (markers) and counting n-grams (dashed) against training windows, t characters of "
    f"context ({name}).",
    alt="Loss falls with the number of windows. With one character of context it flattens first and ends highest; longer "
    "contexts fall together. Dashed curves of counting n-grams behave alike.",
)

# %% [markdown]
# The collapse takes $z = 2b$ from the correlations above and fits $\alpha$ alone. Its residual is the root mean square of the relative distance
# between two curves at the same $P/t^z$, each point against every other curve that covers it.
#
# ```{literalinclude} /lib/quire/hierarchy/collapse.py
# :language: python
# :pyobject: _differences
# ```

# %%
claims.report("language.text-collapse-control", text_measures.collapse_control(text_losses, z))

# %%
shown = text_measures.collapsed_losses(text_losses, z)
figure(
    "language-text-loss-collapse",
    curves(shown, x="scaled_samples", y="scaled_loss", by="seen", log="xy", labels={"seen": ""}, **page),
    caption=f"The transformers' losses rescaled with z = 2b from the correlations and one fitted exponent ({name}).",
    alt="The rescaled curves of the different contexts continue one another along one falling curve that flattens at large "
    "P / t^z.",
)

# %%
text_measures.collapse_table(text_losses, z)

# %% [markdown]
# The residual alone tells little: few points are compared at book scale, since only contexts close to one another
# share a range of $P/t^z$, and a fitted power of $t$ makes most families of falling curves alike. So the last column fits a power of $t$ as well but compares curves at the same $P$, which must not work as soon as
# some contexts are exhausted and others are not: {claim}`language.text-collapse-control`. Counting, at this scale, is as good a learner of
# characters as the transformer, and its curves collapse too: the range is a property of the text.
#
# ## What the run says

# %%
claims.scoreboard("language")

# %% [markdown]
# ## Try it
#
# 1. *Your numbers of windows.* `quire run language --profile book -p text_sizes='[2000,16000,128000]'`: `language.text-horizon` should hold.
# 2. *A smaller vocabulary.* `quire run language --profile book -p ensemble_settings='[[12,8]]'`: finite-size corrections grow, and
#    `language.asymptotic` should fail while the finite-size formula does better.
# 3. *Shorter curves.* `quire run language --profile book -p loss_contexts='[1,2,3,4,5,6,7]'`: more contexts share a range, and
#    `language.text-collapse-control` should hold with more comparisons.
# 4. *Fewer data.* `quire run language --profile book -p cnn_sizes='[64,256,1024,4096]'`: the network stops on the way down, and
#    `language.final-loss` should fail.
