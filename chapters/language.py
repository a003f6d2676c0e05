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
plateau_vocab: int = 16  # scale: v of the sampled correlations
plateau_rules: int = 4  # scale: m of the sampled correlations
plateau_sizes: list = [1000, 30000]  # scale: numbers of data
ensemble_settings: list = [[32, 8]]  # scale: [v, m] of the ensemble averages, s = 2, L = 3
ensemble_seeds: int = 16  # scale: grammars per setting
entropy_settings: list = [[16, 4, 4]]  # scale: [v, m, L] of the exact entropies
entropy_seeds: int = 2  # scale: grammars per setting
entropy_probes: int = 300  # scale: contexts per grammar
learn_vocab: int = 8  # scale: v of the learned grammar
learn_rules: int = 3  # scale: m of the learned grammar
learn_seeds: int = 1  # scale: grammars
cnn_sizes: list = [64, 512, 2048]  # scale: training sets of the convolutional network
transformer_sizes: list = [512, 2048]  # scale: training sets of the transformer
context_sizes: list = [128, 1024]  # scale: training sets with a short context
ngram_sizes: list = [100, 1000, 10000, 100000]  # scale: data of the counting n-gram
inferred_sizes: list = [100, 1000, 10000]  # scale: data of the n-gram that infers synonyms
counting_rules: list = [2, 3]  # scale: m of the grammars whose strings are counted, v = 12
max_steps: int = 600  # scale: longest training
width: int = 64  # scale: channels of the convolutional network; the transformer has 64
text: str = "generated"  # scale: "generated" by a varying-tree grammar, or "shakespeare" if the data are at hand
text_length: int = 200000  # scale: tokens of the generated text
text_sizes: list = [1000, 8000, 64000]  # scale: windows of the text
text_seeds: int = 2  # scale: draws of the windows
loss_contexts: list = [1, 2, 4]  # scale: characters that the text's transformers see
loss_sizes: list = [500, 2000, 8000]  # scale: windows that they are trained on
loss_seeds: int = 1  # scale: draws of windows and weights
loss_width: int = 32  # scale: width of the transformers
loss_depth: int = 2  # scale: their attention layers
loss_rate: float = 0.01  # scale: their learning rate, smaller for wider networks
loss_steps: int = 200  # scale: their longest training
loss_probes: int = 1024  # scale: validation windows, and as many test windows
device: str = "auto"  # choice: "cpu", "cuda" or "auto"

# %% tags=["setup"]
import numpy as np
import pandas as pd

from quire import claims, stats
from quire.experiments import language as run
from quire.experiments import language_ngrams as count
from quire.experiments.text import character_correlations, character_losses
from quire.figures import figure
from quire.hierarchy import loss_collapse
from quire.sweep import Grid, describe, grid, sweep

page = {"size": (4.6, 3.1)}  # of every figure; below, the axes of a correlation and of a loss
decaying = page | {"log": "xy", "x": "distance", "y": "rms"}
learning = page | {"log": "x", "x": "samples", "y": "loss"}
names = {
    "rms": "correlation $\\tilde C(t)$",
    "samples": "data $P$",
    "loss": "cross-entropy, nats",
    "entropy": "exact entropy",
}

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
cells = grid(vocab=plateau_vocab, num_rules=plateau_rules, branching=2, depth=3, seed=range(2), sizes=[plateau_sizes])
sampled = sweep(run.sampled_correlations, cells, device=device)
one = sampled[sampled.seed == 0]
exact = one[one.samples == one.samples.max()].assign(rms=lambda rows: rows.exact_rms, data="exact")
drawn = pd.concat([one.assign(data="$P$ = " + one.samples.map("{:,}".format)), exact])
figure(
    "language-plateaus", drawn, hue="data", **decaying,
    labels=names | {"distance": "distance $t$ to the last token", "data": ""},
    caption="Correlation of the last token with the one t before, in P data and exactly: three plateaus and a floor.",
    alt="The exact curve is a staircase with steps at t = 1, 2 to 3 and 4 to 7. Curves from few data follow it to the first or second "
    "step and then level off at a floor that falls as more data are used.",
)  # fmt: skip

# %% tags=["nbval-check-output"]
describe(sampled[["samples", "distance", "level", "measured", "floor", "exact"]], units={"distance": "tokens"})

# %%
seen = sampled[sampled.floor > 0.3 * sampled.exact]
noise = seen.groupby(["samples", "seed"]).noise_constant.mean()
claims.report("language.noise", noise.mean(), noise.sem())

# %% [markdown]
# The floor: {claim}`language.noise` in units of $1/(v^2P)$. Averaged over grammars, with $f = m/v^{s-1}$,
#
# $$\langle\tilde C^2\rangle_l \simeq \frac{1-f}{v^3 m^{2l-1}},\qquad\text{so}\quad \tilde C(t)\sim t^{-b},\quad b = \frac{\ln m}{\ln s} .$$
#
# A plateau is seen when it exceeds the floor, from $P_l = v\,m^{2l-1}/(1-f)$ on; hence the range $t^*(P)\sim P^{1/2b}$.

# %%
cells = sum(
    (grid(vocab=v, num_rules=m, branching=2, depth=3, seed=range(ensemble_seeds)) for v, m in ensemble_settings), Grid()
)
ensemble = sweep(run.ensemble_correlations, cells, device=device)
ensemble["setting"] = [f"$v$ = {v}, $m$ = {m}" for v, m in zip(ensemble.vocab, ensemble.num_rules, strict=True)]
ensemble["rms"], ensemble["law"] = ensemble.signal**0.5, ensemble.finite_size**0.5
figure(
    "language-decay", ensemble, theory="law", hue="setting", **decaying,
    labels=names | {"distance": "first distance $t$ of the plateau", "law": "finite-size formula", "setting": ""},
    caption="Decay of the correlations, averaged over grammars, and the formula without free parameters.",
    alt="Points at t = 1, 2, 4 fall on straight lines on logarithmic axes, steeper for more synonyms, on the dashed formulas.",
)  # fmt: skip
main = ensemble[(ensemble.vocab == ensemble_settings[0][0]) & (ensemble.num_rules == ensemble_settings[0][1])]
for level, rows in main.groupby("level"):
    ratio = rows.signal / rows.finite_size
    claims.report(f"language.correlation-{level}", ratio.mean(), ratio.sem())
ratio = main[main.level == 3].signal / main[main.level == 3].asymptotic
claims.report("language.asymptotic", ratio.mean(), ratio.sem())
slope = stats.slope_over_seeds(main, x="distance", y="rms", seed="seed")
claims.report("language.decay", slope.value, slope.stderr)
ratio = main[main.level == 2].string_signal / main[main.level == 2].string_asymptotic
claims.report("language.string-token", ratio.mean(), ratio.sem())

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
cells = sum(
    (grid(vocab=v, num_rules=m, branching=2, depth=depth, seed=range(entropy_seeds), probes=entropy_probes,
          contexts=[sorted({*range(min(16, 2**depth)), *(2**level - 1 for level in range(depth + 1))})])
     for v, m, depth in entropy_settings), Grid())  # fmt: skip
entropy = sweep(run.entropies, cells, device=device)
entropy["setting"] = [
    f"$v$ = {v}, $m$ = {m}, $L$ = {d}" for v, m, d in entropy[["vocab", "num_rules", "depth"]].to_numpy()
]
entropy["tokens"] = entropy.context + 1
aligned = entropy[entropy.level >= 1]
entropy = entropy.sort_values("context")  # H_n only falls with n: the bound of a shorter context is one for a longer
entropy["bound"] = entropy.groupby(["setting", "seed"]).bound.ffill()
figure(
    "language-entropies", entropy, x="tokens", y="entropy", theory="bound", hue="setting", log="x", **page,
    labels={"tokens": "context and last token, $n + 1$", "entropy": "$H_n$, nats", "bound": "$\\ln\\bar N_l$", "setting": ""},
    caption="Exact entropy of the last token against the length of the context, and the bound at n = s^l - 1.",
    alt="Entropies fall with the context in steps, the largest at n = 1, 3, 7 and so on, below a dashed bound; between the large steps "
    "there are smaller ones.",
)  # fmt: skip
gap = aligned.assign(gap=aligned.entropy - aligned.bound).groupby(["setting", "level"]).gap.agg(["mean", "sem"])
worst = gap.sort_values("mean").iloc[-1]
claims.report("language.bound", worst["mean"], worst["sem"])
deepest = entropy[entropy.depth == 5].pivot_table(index="seed", columns="level", values="entropy")
if len(deepest) > 1:
    ratio = (deepest[4] - deepest[5]) / (deepest[3] - deepest[4])
    claims.report("language.entropy-ratio", ratio.mean(), ratio.sem())

# %% [markdown]
# The tightest case of the bound: {claim}`language.bound`. The last steps shrink by the fraction $f$ of grammatical strings,
# {claim}`language.entropy-ratio`: together with $P_l$ this makes the loss fall as a power of $P$.
#
# ## What fails: counting
#
# The $n$-gram counts which token followed each context. It needs every context, and there are $v\,m^{(s^l-1)/(s-1)}$ strings of $s^l$
# tokens: exponentially many in the length.

# %%
v, m = learn_vocab, learn_rules
cells = grid(vocab=v, num_rules=m, branching=2, depth=3, level=[1, 2, 3], seed=range(learn_seeds), sizes=[ngram_sizes])
ngrams = sweep(count.ngram_curve, cells, device=device)
ngrams["grams"] = (2**ngrams.level).map("{}-gram".format)
figure(
    "language-ngrams", ngrams, theory="entropy", hue="grams", **learning, labels=names | {"grams": "counting"},
    caption=f"Counting n-grams against the number of data, v = {v}, m = {m}, and the entropies that they tend to.",
    alt="Three curves fall with the number of data to their own exact entropy; the longer the context, the lower the entropy and the "
    "later the fall.",
)  # fmt: skip
cells = sum(
    (grid(vocab=12, num_rules=r, branching=2, depth=2, level=2, seed=range(2),
          sizes=[[round(12 * r**3 * x) for x in (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)]])
     for r in counting_rules), Grid())  # fmt: skip
counting = sweep(count.ngram_curve, cells, device=device)
halves = [
    {"contexts": rows.contexts.iloc[0], "needed": stats.crossing(rows.samples, rows.divergence, 0.5)}
    for _, rows in counting.groupby(["num_rules", "seed"]) if rows.divergence.min() < 0.5 < rows.divergence.max()
]  # fmt: skip
halves = pd.DataFrame(halves, columns=["contexts", "needed"])
if len(halves) > 2 and halves.contexts.nunique() > 1:
    slope = stats.loglog_slope(halves.contexts, halves.needed)
    claims.report("language.counting", slope.value, slope.stderr)

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
cells = grid(vocab=v, num_rules=m, branching=2, depth=3, level=3, seed=range(learn_seeds), sizes=[inferred_sizes])
inferred = sweep(count.hierarchical_ngram_curve, cells, device=device)
longest = ngrams[ngrams.level == 3]
both = pd.concat([longest.assign(counted="all tokens"), inferred.assign(counted="inferred symbols")])
limits = sweep(
    run.entropies,
    grid(vocab=v, num_rules=m, branching=2, depth=3, seed=range(learn_seeds), contexts=[[0, 1, 3, 7]], probes=2000),
    device=device,
)
exact_levels = [(value, f"$H$ after {2**level - 1}") for level, value in limits.groupby("level").entropy.mean().items()]
figure(
    "language-hierarchical", both, hue="counted", hline=exact_levels, **learning, labels=names | {"counted": "counted after"},
    caption=f"Counting after all seven tokens, and after three symbols, one for each level (the upper two inferred), v = {v}, m = {m}, L = 3; "
    "exact entropies of contexts of 0, 1, 3, 7 tokens.",
    alt="Both curves fall from the entropy without context. The one that infers synonyms drops to the entropy of seven tokens over one "
    "or two decades; the other lingers near the entropy of three tokens and arrives more than two decades later.",
)  # fmt: skip

# %%
gains, found = [], {1: [], 2: []}
for seed, rows in inferred.groupby("seed"):
    plain, own = longest[longest.seed == seed], limits[limits.seed == seed].set_index("level").entropy
    middle = (own[2] + own[3]) / 2
    if max(plain.loss.min(), rows.loss.min()) < middle:
        slow, fast = (stats.crossing(curve.samples, curve.loss, middle) for curve in (plain, rows))
        gains.append(np.log(slow / fast) / np.log(m))
    for level, needed in found.items():
        wrong = rows[f"symbol_error_{level}"]
        if wrong.min() < 0.5 < wrong.max():
            needed.append(stats.crossing(rows.samples, wrong, 0.5) / rows.synonym_threshold.iloc[0])
if len(gains) > 1:
    claims.report("language.hierarchical-ngram", np.mean(gains), np.std(gains, ddof=1) / len(gains) ** 0.5)
for level, needed in found.items():
    if len(needed) > 1:
        claims.report(f"language.synonyms-{level}", np.mean(needed), np.std(needed, ddof=1) / len(needed) ** 0.5)

# %% [markdown]
# The gain is $m$ to the power {claim}`language.hierarchical-ngram`. Half of the symbols are right by {claim}`language.synonyms-1` times
# $v\,m^3/(1-f)$ data on the first level, {claim}`language.synonyms-2` on the second: there is no curse on the way up. With fewer data the
# groups are arbitrary, and the counts fall back on the nearest token.
#
# ## Networks find the rules as well
#
# A convolutional network matched to the tree and an attention-only transformer predict a masked last token. Loss is the exact entropy plus
# the divergence of the exact law from the network's, averaged over test contexts; training stops early on a validation set, and no datum
# is in two of the three sets.

# %%
base = dict(vocab=v, num_rules=m, branching=2, depth=3, context=7, seed=range(learn_seeds), max_steps=max_steps)
curves = sweep(
    run.last_token_curve,
    grid(network="cnn", width=width, sizes=[cnn_sizes], learning_rate=1.0, **base)
    + grid(network="transformer", width=64, sizes=[transformer_sizes], learning_rate=0.02, **base),
    device=device,
)
figure(
    "language-steps", curves, hue="network", hline=exact_levels, **learning, labels=names | {"network": ""},
    caption=f"Last-token loss of two networks, v = {v}, m = {m}, L = 3, and the exact entropies of contexts of 0, 1, 3, 7 tokens.",
    alt="Loss against data. The convolutional network descends from the entropy without context past those of one and three tokens to "
    "the smallest; the transformer descends later.",
)  # fmt: skip
figure(
    "language-divergence", curves, hue="network", **learning | {"y": "divergence", "log": "xy"},
    labels=names | {"divergence": "divergence from the exact law, nats", "network": ""},
    caption="The excess of the loss over the exact entropy, on logarithmic axes.",
    alt="Two falling curves on logarithmic axes, the convolutional network below the transformer at large P.",
)  # fmt: skip

# %% tags=["nbval-check-output"]
describe(curves[["network", "seed", "samples", "loss", "entropy", "divergence"]], units={"loss": "nats"})

# %%
cnn = curves[curves.network == "cnn"]
final = cnn[cnn.samples == cnn.samples.max()].divergence
if len(final) > 1:
    claims.report("language.final-loss", final.mean(), final.sem())
passed = {"first": [], "second": [], "third": []}
for seed, rows in cnn.groupby("seed"):
    own = limits[limits.seed == seed].set_index("level").entropy
    for i, logs in enumerate(passed.values()):
        middle = (own[i] + own[i + 1]) / 2
        if rows.loss.min() < middle < rows.loss.max():
            logs.append(np.log(stats.crossing(rows.samples, rows.loss, middle)))
if min(len(logs) for logs in passed.values()) > 1:
    claims.report("language.steps", {k: (np.mean(x), np.std(x, ddof=1) / len(x) ** 0.5) for k, x in passed.items()})
shared = sorted(set(cnn_sizes) & set(transformer_sizes) & {8192})
if shared and cnn.seed.nunique() > 1:
    at = curves[curves.samples == shared[-1]].groupby("network").divergence.agg(["mean", "sem"])
    claims.report("language.cnn-beats-transformer", {name: tuple(row) for name, row in at.iterrows()})

# %% [markdown]
# The loss passes the middles between the exact entropies in order, at $\ln P$ of {claim}`language.steps`, and ends at {claim}`language.final-loss` from the
# exact law. Weight sharing helps on the upper levels, {claim}`language.cnn-beats-transformer`: a rule learned at one place is known at all,
# $P_l = v\,m^{l+1}/(1-f)$ instead of $v\,m^{2l-1}/(1-f)$. The steps are smeared at this size; a network that sees fewer tokens shows them one
# by one. It saturates where its context is exhausted.

# %%
short = sweep(
    run.last_token_curve,
    grid(network="cnn", width=64, **{**base, "context": [1, 3]}, sizes=[context_sizes]),
    device=device,
)
short["seen"] = short.context.map({1: "1 token"}).fillna(short.context.map("{} tokens".format))
figure(
    "language-contexts", short, theory="entropy", hue="seen", **learning, labels=names | {"seen": "context"},
    caption="Loss of networks that see the last one or three tokens: each saturates at the exact entropy of its context.",
    alt="Two curves fall and level off at two dashed horizontal lines, the exact entropies after one and three tokens.",
)  # fmt: skip
for context, rows in short[short.samples == short.samples.max()].groupby("context"):
    if len(rows) > 1:
        claims.report(f"language.context-{context}", rows.divergence.mean(), rows.divergence.sem())

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
source = text
options = {
    "distances": [[1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 18, 20, 25, 30, 40, 60, 80]],
    "length": text_length, "sizes": [text_sizes], "seeds": text_seeds,
}  # fmt: skip
try:
    decay = sweep(character_correlations, grid(source=source, **options), device=device)
except RuntimeError as error:
    if "MissingData" not in str(error):
        raise
    print("Shakespeare is not at hand and cannot be downloaded: the text is generated instead.")
    source = "generated"
    decay = sweep(character_correlations, grid(source=source, **options), device=device)
name = {"shakespeare": "Shakespeare", "generated": "generated by a varying-tree grammar"}[source]
decay = decay.sort_values(["whole", "samples"], kind="stable")  # "all" last: the same P has the same colour below
decay["data"] = ["all" if whole else f"$P$ = {size:,}" for whole, size in zip(decay.whole, decay.samples, strict=True)]
figure(
    "language-text", decay, hue="data", **decaying, labels=names | {"distance": "distance $t$, characters", "data": ""},
    caption=f"Correlation of characters against distance, from P random windows and from all of a text ({name}).",
    alt="Curves fall with distance as one power law until each levels off at its own floor, which is lower for more windows.",
)  # fmt: skip

# %% [markdown]
# Rescaled by the floor, $\tilde C\sqrt P$ against $t/P^{1/z}$ with $z = 2b$ collapses the windows on one curve.

# %%
whole, windows = decay[decay.whole], decay[~decay.whole]
fitted = whole[(whole.distance >= 2) & (whole.distance <= 20) & (whole.signal > 2 * whole.floor)]
fit = stats.loglog_slope(fitted.distance, fitted.rms)
collapsed = windows.assign(
    scaled_distance=(windows.distance / windows.samples ** (-0.5 / fit.value)).round(6),
    scaled_rms=windows.rms * windows.samples**0.5,
)
figure(
    "language-collapse", collapsed, x="scaled_distance", y="scaled_rms", hue="data", log="xy", **page,
    labels={"scaled_distance": "$t / P^{1/z}$", "scaled_rms": "$\\tilde C(t)\\,\\sqrt{P}$", "data": ""},
    caption=f"The same curves in units of floor and range ({name}).",
    alt="The curves for different numbers of windows lie on one another: a power law followed by a flat floor.",
)  # fmt: skip
ranges = windows.drop_duplicates(["samples", "seed"]).dropna(subset="horizon")
if source == "shakespeare":
    claims.report("language.text-decay", -fit.value, fit.stderr)
    growth = stats.loglog_slope(ranges.samples, ranges.horizon)
    ratio = 1 / growth.value / (-2 * fit.value)
    error = ratio * ((growth.stderr / growth.value) ** 2 + (fit.stderr / fit.value) ** 2) ** 0.5
    claims.report("language.text-horizon", ratio, error)
    floors = windows[(windows.distance >= 20)].groupby(["samples", "seed"]).floor_constant.mean()
    claims.report("language.text-floor", floors.mean(), floors.sem())

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
options = {
    "length": text_length, "context": loss_contexts, "reach": max(loss_contexts), "sizes": [loss_sizes], "seed": range(loss_seeds),
    "width": loss_width, "depth": loss_depth, "init_scale": 0.5, "learning_rate": loss_rate, "max_steps": loss_steps,
    "held_out_windows": loss_probes, "priors": [[1.0, 3.0, 10.0, 30.0, 100.0]],
}  # fmt: skip
text_losses = sweep(character_losses, grid(source=source, **options), device=device)
text_losses["seen"] = ["$t$ = " + str(t) for t in text_losses.context]
figure(
    "language-text-losses", text_losses, theory="counting_loss", hue="seen", **learning,
    labels=names | {"samples": "windows $P$", "counting_loss": "counting n-gram", "seen": ""},
    caption=f"Test loss of transformers (markers) and counting n-grams (dashed) against training windows, t characters of context ({name}).",
    alt="Loss falls with the number of windows. With one character of context it flattens first and ends highest; longer contexts fall "
    "together. Dashed curves of counting n-grams behave alike.",
)  # fmt: skip

# %% [markdown]
# The collapse takes $z = 2b$ from the correlations above and fits $\alpha$ alone. Its residual is the root mean square of the relative distance
# between two curves at the same $P/t^z$, each point against every other curve that covers it.
#
# ```{literalinclude} /lib/quire/hierarchy/collapse.py
# :language: python
# :pyobject: _differences
# ```

# %%
z = -2 * fit.value
curves = {seed: (rows.context, rows.samples, rows.loss) for seed, rows in text_losses.groupby("seed")}
folds = {seed: loss_collapse(*columns, dynamic_exponent=z) for seed, columns in curves.items()}
control = {seed: loss_collapse(*columns, dynamic_exponent=0.0) for seed, columns in curves.items()}
powers = text_losses.seed.map({seed: fold.power for seed, fold in folds.items()})
scaled = text_losses.assign(
    scaled_samples=(text_losses.samples / text_losses.context**z).round(6),
    scaled_loss=text_losses.loss * text_losses.context**powers,
)
figure(
    "language-text-loss-collapse", scaled, x="scaled_samples", y="scaled_loss", hue="seen", log="xy", **page,
    labels={"scaled_samples": "$P / t^z$", "scaled_loss": "$L\\, t^{\\alpha z}$, nats", "seen": ""},
    caption=f"The transformers' losses rescaled with z = 2b from the correlations and one fitted exponent ({name}).",
    alt="The rescaled curves of the different contexts continue one another along one falling curve that flattens at large P / t^z.",
)  # fmt: skip
table = pd.DataFrame({"alpha": {s: f.alpha for s, f in folds.items()}, "at the same P / t^z": {s: f.residual for s, f in folds.items()},
                      "without the factor": {s: f.unscaled for s, f in folds.items()},
                      "at the same P": {s: f.residual for s, f in control.items()}})  # fmt: skip
if source == "shakespeare" and len(table) > 1:
    mean, error = table.mean(), table.sem()
    claims.report("language.text-collapse", mean.iloc[1], error.iloc[1])
    ranked = {"same P": (mean.iloc[3], error.iloc[3]), "same P / t^z": (mean.iloc[1], error.iloc[1])}
    claims.report("language.text-collapse-control", ranked)
table.agg(["mean", "sem"]).round(3)

# %% [markdown]
# Residual with Shakespeare: {claim}`language.text-collapse`; few points are compared at book scale, since only contexts close to one another
# share a range of $P/t^z$. The last column fits a power of $t$ as well but compares curves at the same $P$, which must not work as soon as
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
#    `language.text-collapse` should hold with more comparisons.
# 4. *Fewer data.* `quire run language --profile book -p cnn_sizes='[64,256,1024,4096]'`: the network stops on the way down, and
#    `language.final-loss` should fail.
