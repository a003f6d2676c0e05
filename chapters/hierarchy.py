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
# # Learning a hierarchy
#
# *On data made of nested synonyms, a deep network whose filters match the tree needs a training set of order $n_c m^L$, a power
# of the length of a datum; a shallow or a lazy one needs a fraction of all data, exponential in it. The scale $n_c m^L$ is where
# the correlation of low-level features with the class emerges from the sampling noise.*
#
# Reading: 20 minutes. Running: about 20 seconds at smoke scale, 5 minutes at book scale, on two cores.

# %% [markdown]
# **You need:** what a context-free grammar, a convolution and stochastic gradient descent are.
#
# **You will see:** the Random Hierarchy Model of {cite}`cagnetta2024rhm` and one of its derivations, parsed back; synonyms in the
# correlations with the class, and when they emerge from noise; the sample complexity of deep, shallow and lazy networks; layers
# that become less sensitive to synonyms, the upper before the lower; a single gradient step that groups them; a grammar without correlations;
# Zipf-distributed rules {cite}`cagnetta2025zipf`; and data with holes {cite}`tomasini2024sparse`.

# %% tags=["parameters"]
signal_settings: list = [[8, 8, 8, 2]]  # scale: [v, m, n_c, L] of the signal and noise
signal_seeds: int = 4  # scale: grammars per setting
deep_settings: list = [[8, 3, 8, 2], [6, 6, 6, 2], [8, 3, 8, 3]]  # scale: [v, m, n_c, L] of the sample complexity
deep_seeds: int = 1  # scale: grammars per setting
vocabularies: list = [6, 8]  # scale: v at fixed m = 4, n_c = 6
shallow_vocabularies: list = [4]  # scale: v = m = n_c of the shallow network, depth two
shallow_seeds: int = 1  # scale: grammars per vocabulary
compare_vocab: int = 4  # scale: v = m = n_c of the comparison at P = 4 n_c m^2
compare_seeds: int = 2  # scale: grammars of the comparison
sensitivity_vocab: int = 6  # scale: v = m = n_c of the sensitivities
sensitivity_depth: int = 2  # scale: depth of that tree
sensitivity_seeds: int = 1  # scale: grammars for the sensitivities
cluster_settings: list = [[6, 2], [8, 2]]  # scale: [v, L] of the first gradient step, m = n_c = v
cluster_seeds: int = 3  # scale: grammars per setting
latin_ratios: list = [0.004]  # scale: P / P_max at v = 4, L = 3
latin_seeds: int = 1  # scale: uncorrelated grammars
zipf_rules: int = 512  # scale: rules of the Zipf law of the ideal learner
zipf_network: list = [8, 4]  # scale: [v = m, n_c] of the network on Zipf rules, depth two
zipf_ratios: list = [8, 16, 32]  # scale: P / (n_c m) of that network
zipf_seeds: int = 1  # scale: grammars for it
sparse_empty: list = [0, 1]  # scale: empty places per symbol
sparse_vocab: int = 4  # scale: v = m = n_c of the sparse hierarchy
sparse_seeds: int = 1  # scale: grammars per number of empty places
sparse_deep: list = [3, 2]  # scale: [v = n_c, m] of the sparse hierarchy of depth three
sparse_deep_empty: list = [0]  # scale: empty places per symbol at depth three
sparse_deep_seeds: int = 1  # scale: grammars for it
width: int = 32  # scale: channels of every layer
device: str = "auto"  # choice: "cpu", "cuda" or "auto"

# %% tags=["setup"]
import numpy as np
import pandas as pd

from quire import claims, stats
from quire.experiments import hierarchy as run
from quire.experiments import hierarchy_lazy as lazy
from quire.experiments import hierarchy_networks as nets
from quire.experiments import hierarchy_variants as variants
from quire.figures import figure
from quire.sweep import Grid, describe, grid, sweep

# %% [markdown]
# What is predicted stands in the ledger before anything runs:

# %% tags=["nbval-check-output"]
claims.expected("hierarchy")

# %% [markdown]
# ## One grammar, one datum
#
# A datum is a class, expanded $L$ times: each symbol is replaced by one of its $m$ *synonyms*, strings of $s$ symbols of the level
# below. The rules are drawn once: at every level the strings are $m$ times the number of symbols, chosen without repetition among
# the $v^s$ and dealt out at random. So no string has two parents, and there are
#
# $$P_\max = n_c\, m^{\frac{d-1}{s-1}},\qquad d = s^L$$
#
# different data, exponentially many in their length $d$. Levels are counted from the tokens (level 0) to the class (level $L$).
#
# ```{literalinclude} /lib/quire/hierarchy/grammar.py
# :language: python
# :pyobject: draw_rules
# ```

# %%
tree = sweep(run.derivation, grid(vocab=4, num_rules=2, branching=2, depth=3, num_classes=4, seed=3), device=device)


def drawing(axes, table):
    ax = axes[0, 0]
    for _, node in table.iterrows():
        ax.plot([node.place, node.parent_place], [node.level, min(node.level + 1, 3)], color="0.55", lw=1, zorder=0)
        ax.text(node.place, node.level, "abcd"[node.symbol], ha="center", va="center", color="white",
                bbox={"boxstyle": "circle,pad=0.35", "fc": f"C{node.level}", "ec": "none"})  # fmt: skip
    ax.set(yticks=range(4), yticklabels=["tokens", "level 1", "level 2", "class"], xticks=[], ylim=(-0.4, 3.4))


figure(
    "hierarchy-tree", tree, kind="custom", draw=drawing, size=(6, 3),
    caption="A class (top) and the tokens that it became, with v = 4 symbols, m = 2 synonyms, s = 2, L = 3.",
    alt="A binary tree of four levels. One letter at the top, the class, becomes two letters, then four, then eight tokens.",
)  # fmt: skip
claims.report("hierarchy.parse", int(tree.wrong.sum()))

# %% [markdown]
# The tree can be read back by looking up every pair of tokens, then every pair of the symbols so found, and so on: {claim}`hierarchy.parse`.
# A network does not know the tables. What could tell it that two strings are synonyms?
#
# ## Synonyms have the same correlation with the class
#
# Take the string $\mu$ in the first patch and the class $\alpha$. Their covariance
# $C(\alpha, \mu) = P(\alpha, \mu) - P(\alpha)P(\mu)$ depends on the string through its parent only, so synonyms share it:
# {claim}`hierarchy.synonyms`. It is exact here, computed from the rules level by level.

# %%
strings = sweep(
    run.string_signal, grid(vocab=6, num_rules=4, branching=2, depth=2, num_classes=6, seed=0), device=device
)
figure(
    "hierarchy-synonyms", strings, x="string", y="label", value="covariance", kind="heatmap", size=(6.5, 2.6),
    labels={"string": "string of the first patch, four synonyms in a row", "label": "class", "covariance": "$C$ / r.m.s."},
    caption="Covariance of every string with every class: groups of four synonyms have one colour per class.",
    alt="A heat map with classes as rows and strings as columns. Along each row the colour is constant over blocks of four "
    "neighbouring columns, the synonyms of one symbol, and differs between blocks.",
)  # fmt: skip
claims.report("hierarchy.synonyms", strings.spread.max())

# %% [markdown]
# Averaged over grammars, $\langle C^2\rangle \simeq 1/(n_c^2 v m^{L+1})$: every level dilutes it by a factor $m$. In $P$ data it is
# covered by sampling noise of variance $1/(n_c v m P)$. They are equal at
#
# $$P_c = n_c\, m^L .$$

# %%
cells = sum(
    (grid(vocab=v, num_rules=m, branching=2, depth=depth, num_classes=n, seed=range(signal_seeds), ratios=[[0.1, 0.3, 1, 3, 10]])
     for v, m, n, depth in signal_settings), Grid())  # fmt: skip
signal = sweep(run.class_signal, cells, device=device)
signal["setting"] = [f"v = m = {v}, L = {depth}" for v, depth in zip(signal.vocab, signal.depth, strict=True)]
signal["scaled_samples"] = (signal.samples / signal.threshold).round(3)
signal["over_signal"] = signal.measured / signal.signal_theory
signal["prediction"] = 1 + signal.noise_theory / signal.signal_theory
figure(
    "hierarchy-signal", signal, x="scaled_samples", y="over_signal", theory="prediction", hue="setting", log="xy", size=(5.4, 3.2),
    hline=[(1, "signal")], vline=[(1, "$P = n_c m^L$")],
    labels={"scaled_samples": "$P / (n_c m^L)$", "over_signal": "mean squared covariance / signal", "prediction": "signal + noise"},
    caption="Measured class-string covariance against the number of data, and the sum of signal and noise (no fit).",
    alt="Curves of the measured squared covariance in units of the exact one fall as 1/P and level off at one; the knee is at P "
    "near n_c m^L for all settings. Dashed predictions follow the points.",
)  # fmt: skip

# %% tags=["nbval-check-output"]
describe(signal, units={"samples": "data", "signal": "probability squared", "noise": "probability squared"})

# %%
grammars = signal.drop_duplicates(["setting", "seed"])
ratio = (grammars.signal / grammars.signal_theory).groupby(grammars.setting)
claims.report("hierarchy.signal", ratio.mean().mean(), ((ratio.sem() ** 2).sum() ** 0.5) / len(ratio))
ratio = (grammars.crossing / grammars.threshold).groupby(grammars.setting)
claims.report("hierarchy.signal-crossing", ratio.mean().mean(), ((ratio.sem() ** 2).sum() ** 0.5) / len(ratio))

# %% [markdown]
# The signal follows the formula: {claim}`hierarchy.signal`; it equals the noise at {claim}`hierarchy.signal-crossing`. A learner that
# groups strings by their correlation with the class can therefore find the lowest symbols with $n_c m^L$ data, then treat them as
# the new tokens. Does gradient descent do that?
#
# ## What fails: one hidden layer, and no features
#
# A fully-connected network with one hidden layer, trained until it fits. Its error falls below 0.7 of chance only when it has
# seen a sizeable part of *all* data.

# %%
cells = grid(
    vocab=shallow_vocabularies, num_rules=0, branching=2, depth=2, num_classes=0, network="shallow", width=width,
    seed=range(shallow_seeds), ratios=[[0.1, 0.2, 0.3, 0.45, 0.6]], unit="data", level=0.7,
)  # fmt: skip
for cell in cells:
    cell["num_rules"] = cell["num_classes"] = cell["vocab"]
shallow = sweep(nets.learning_curve, cells, device=device)
shallow["share"] = (shallow.samples / shallow.num_data).round(2)
figure(
    "hierarchy-shallow", shallow, x="share", y="relative_error", hue="vocab", hline=[(0.7, "0.7")], size=(5, 3),
    labels={"share": "$P / P_\\max$", "relative_error": "test error / chance", "vocab": "$v = m = n_c$"},
    caption="A network with one hidden layer: test error against the fraction of all data that it has seen, depth two.",
    alt="Learning curves for several vocabularies lie close to each other when the number of data is divided by the number of all "
    "data: they cross 0.7 of chance when a quarter to a half of them have been seen.",
)  # fmt: skip
needed = shallow.drop_duplicates(["vocab", "seed"]).dropna(subset="needed")
fit = needed.assign(x=np.log(needed.num_data), y=np.log(needed.needed))
if fit.vocab.nunique() > 1:
    (slope, _), covariance = np.polyfit(fit.x, fit.y, 1, cov="unscaled" if len(fit) < 4 else True)
    claims.report("hierarchy.shallow", slope, covariance[0, 0] ** 0.5)

# %% [markdown]
# The slope: {claim}`hierarchy.shallow`. Nor does depth help by itself. In the *lazy* limit of infinite width with the usual scale of the
# readout, the weights hardly move, and the network becomes a linear classifier in the features of its tangent kernel $\Theta$
# {cite}`jacot2018ntk`. The loss is the one of the networks, so that what remains is multinomial logistic regression:
# $f(x) = \sum_i \Theta(x, x_i)\,\beta_i$ minimises $\sum_i -\log p_{y_i}(x_i) + \frac{\lambda}{2}\|f\|^2$, a convex problem with the single solution
# $\lambda \beta_i = y_i - p(x_i)$. With $\lambda = 10^{-3}$ the data are fitted, and a tenth of it changes the test errors by no more than a hundredth.
#
# ```{literalinclude} /lib/quire/deep_kernels/tree_tangent.py
# :language: python
# :pyobject: _kernel
# ```

# %%
v = compare_vocab
setting = dict(vocab=v, num_rules=v, branching=2, depth=2, num_classes=v, seed=range(compare_seeds))
curve = dict(ratios=[[0.5, 1.0, 2.0, 4.0]], unit="threshold", level=0.1)
trained = grid(network=["shallow", "cnn"], width=width, **setting, **curve)
comparison = pd.concat([
    sweep(nets.learning_curve, trained, device=device).assign(regime="trained"),
    sweep(lazy.lazy_curve, grid(network=["shallow", "cnn"], **setting, **curve), device=device).assign(regime="lazy"),
])  # fmt: skip
comparison["kind"] = comparison.network.map({"cnn": "deep, ", "shallow": "shallow, "}) + comparison.regime
comparison["scaled_samples"] = comparison.samples / comparison.threshold
figure(
    "hierarchy-compare", comparison, x="scaled_samples", y="relative_error", hue="kind", hline=[(1, "chance")], size=(5, 3),
    labels={"scaled_samples": "$P / (n_c m^L)$", "relative_error": "test error / chance", "kind": "network"},
    caption=f"Four learners of one grammar, v = m = n_c = {v}, depth two: features that are trained, and features that are not.",
    alt="Test error against data. The trained deep network falls to zero within a decade; the shallow network and the lazy limits "
    "of both decrease slowly and stay at about half of chance or more.",
)  # fmt: skip
last = comparison[comparison.scaled_samples == comparison.scaled_samples.max()]
at_four = {kind: tuple(rows.relative_error.agg(["mean", "sem"])) for kind, rows in last.groupby("kind")}
deep_error = at_four["deep, trained"]
claims.report("hierarchy.deep-beats-shallow", {"shallow": at_four["shallow, trained"], "deep": deep_error})
claims.report("hierarchy.deep-beats-lazy", {"lazy": at_four["deep, lazy"], "deep": deep_error})

# %% [markdown]
# With four times $n_c m^L$ data, and $v = 6$ at book scale, these are two thirds of *all* data. The trained deep network makes fewer
# errors than the shallow one ({claim}`hierarchy.deep-beats-shallow`) and than its own lazy limit ({claim}`hierarchy.deep-beats-lazy`):
# the architecture is the same, and what differs is that the features move.
#
# ## What works: a deep network needs $n_c m^L$ data
#
# The network has one layer per level, with filters of $s$ inputs at stride $s$. $P^*$ is where its test error falls below a tenth of
# chance, $1 - 1/n_c$. Networks of all sizes $P$ of one grammar train together as one batch of matrix products.

# %%
cells = sum(
    (grid(vocab=v, num_rules=m, branching=2, depth=depth, num_classes=n, network="cnn", width=width, seed=range(deep_seeds),
          ratios=[[1.0, 1.41, 2.0, 2.83, 4.0]], unit="threshold", level=0.1)
     for v, m, n, depth in deep_settings), Grid())  # fmt: skip
deep = sweep(nets.learning_curve, cells, device=device)
deep["setting"] = [
    f"{v}, {m}, {n}, {d}" for v, m, n, d in deep[["vocab", "num_rules", "num_classes", "depth"]].to_numpy()
]
deep["scaled_samples"] = (deep.samples / deep.threshold).round(2)
figure(
    "hierarchy-deep-curves", deep, x="scaled_samples", y="relative_error", hue="setting", hline=[(0.1, "$P^*$")], size=(5, 3.2),
    labels={"scaled_samples": "$P / (n_c m^L)$", "relative_error": "test error / chance", "setting": "$v, m, n_c, L$"},
    caption="Test error of deep networks against data in units of n_c m^L, for grammars of different sizes.",
    alt="Learning curves of all grammars fall together from about 0.7 of chance at P = n_c m^L to zero at about four times that.",
)  # fmt: skip

# %% tags=["nbval-check-output"]
describe(deep[["vocab", "depth", "seed", "samples", "relative_error", "fitted"]], units={"samples": "data"})

# %%
needed = deep.drop_duplicates(["setting", "seed"]).dropna(subset="needed")
figure(
    "hierarchy-sample-complexity", needed, x="threshold", y="needed", hue="depth", log="xy", kind="scatter", size=(5.4, 3.4),
    slopes=[(1, "slope 1")], labels={"threshold": "$n_c m^L$", "needed": "$P^*$", "depth": "depth $L$"},
    caption="The training set that a deep network needs, against n_c m^L.",
    alt="Points for depths two and three fall on one straight line of slope one on logarithmic axes.",
)  # fmt: skip
points = stats.mean_over(needed, by=["setting", "depth", "threshold"], value="needed")
slope = stats.loglog_slope(points.threshold, points["mean"])
claims.report("hierarchy.sample-complexity", slope.value, slope.stderr)
factor = (needed.needed / needed.threshold)[needed.depth == 2]
claims.report("hierarchy.prefactor", factor.mean(), factor.sem())

# %% [markdown]
# The slope of $\log P^*$ is {claim}`hierarchy.sample-complexity`, and the prefactor at depth two {claim}`hierarchy.prefactor`. With
# $L = \ln d/\ln s$ this is $P^* \sim n_c\, d^{\ln m/\ln s}$, a power of the length. The vocabulary does not enter:
# {claim}`hierarchy.vocabulary`.

# %%
cells = grid(
    vocab=vocabularies, num_rules=4, branching=2, depth=2, num_classes=6, network="cnn", width=width,
    seed=range(max(2, deep_seeds)), ratios=[[1.0, 1.41, 2.0, 2.83, 4.0]], unit="threshold", level=0.1,
)  # fmt: skip
vocabulary = sweep(nets.learning_curve, cells, device=device)
needed = vocabulary.drop_duplicates(["vocab", "seed"]).dropna(subset="needed")
(slope, _), covariance = np.polyfit(np.log(needed.vocab), np.log(needed.needed), 1, cov=True)
claims.report("hierarchy.vocabulary", slope, covariance[0, 0] ** 0.5)

# %% [markdown]
# ## Layers become blind to synonyms
#
# Redraw the rule of every level-$l$ symbol of a datum, and all below it: a synonym. The sensitivity $S_{k,l}$ of layer $k$ is the mean
# squared change of its activations, in units of their distance between two data. Our redraw always takes another rule: with
# independent redraws one in $m$ would change nothing.
#
# ```{literalinclude} /lib/quire/hierarchy/synonyms.py
# :language: python
# :pyobject: sensitivity
# ```

# %%
v = sensitivity_vocab
cells = grid(
    vocab=v, num_rules=v, branching=2, depth=sensitivity_depth, num_classes=v, width=width, seed=range(sensitivity_seeds),
    ratios=[[0.25, 0.5, 1.0, 2.0, 4.0, 5.6]],
)  # fmt: skip
sensitivity = sweep(nets.layer_sensitivity, cells, device=device)
sensitivity["layer_name"] = ["output" if k == sensitivity_depth + 1 else f"layer {k}" for k in sensitivity.layer]
sensitivity["synonyms"] = "synonyms of level " + sensitivity.level.astype(str)
sensitivity["scaled_samples"] = sensitivity.scaled_samples.round(2)
figure(
    "hierarchy-sensitivity", sensitivity, x="scaled_samples", y="sensitivity", hue="layer_name", col="synonyms",
    hline=[(0.5, "")], labels={"scaled_samples": "$P / (n_c m^L)$", "sensitivity": "$S_{k,l}$", "layer_name": ""},
    caption="Sensitivity to synonyms against data: layers above the level of the synonym become less sensitive to it.",
    alt="For synonyms of level one the first layer stays sensitive, the second and the output fall towards zero around P of a few "
    "n_c m^L. For synonyms of level two only the output falls, to about one half.",
)  # fmt: skip
second = sensitivity[(sensitivity.layer == 2) & (sensitivity.level == 1)]
halves = [
    np.log2(stats.crossing(rows.scaled_samples, rows.sensitivity, 0.5))
    for _, rows in second.groupby("seed") if rows.sensitivity.min() < 0.5 < rows.sensitivity.max()
]  # fmt: skip
if len(halves) > 1:
    claims.report("hierarchy.sensitivity", np.mean(halves), np.std(halves, ddof=1) / len(halves) ** 0.5)
first = sensitivity[(sensitivity.layer == 1) & (sensitivity.level == 1)]
first = first[first.scaled_samples == first.scaled_samples.max()].sensitivity
if len(first) > 1:
    claims.report("hierarchy.first-layer", first.mean(), first.sem())

# %% [markdown]
# The second layer crosses one half at $\log_2 P/(n_c m^L)$ of {claim}`hierarchy.sensitivity`; the first, which sees the strings
# themselves, keeps {claim}`hierarchy.first-layer`. The output gives up synonyms of level one sooner than the second layer: only the part of
# a representation that the read-out uses has to be invariant. A synonym of the highest level is another datum of the same class. There the
# output keeps about one half even at the largest $P$, where all but a few per cent of the data are classified correctly: classes are
# told apart, and the margins of the logits still vary within each.
#
# ## One gradient step groups the synonyms
#
# At the first step of a two-layer network on one patch, hidden unit $h$ responds to string $\mu$ with
# $\sum_\alpha a_{h\alpha}\,[N(\mu,\alpha)/P - N(\mu)/(n_c P)]$, a random projection of the string's centred class counts. Cluster these
# vectors by k-means and compare with the true symbols. The vectors have $n_c$ components, and their noise averages out in the
# distances: $\sqrt{n_c}\, m^L$ data suffice.

# %%
cells = sum(
    (grid(vocab=v, num_rules=v, branching=2, depth=depth, num_classes=v, seed=range(cluster_seeds),
          ratios=[[0.5, 1.0, 2.0, 2.83, 4.0, 5.66, 8.0, 16.0]])
     for v, depth in cluster_settings), Grid())  # fmt: skip
clusters = sweep(run.first_step_clustering, cells, device=device)
clusters["setting"] = [f"{v}, {depth}" for v, depth in zip(clusters.vocab, clusters.depth, strict=True)]
clusters["scaled_samples"] = clusters.scaled_samples.round(1)
mean = stats.mean_over(clusters, by=["setting", "scale", "scaled_samples"], value="relative_error")
figure(
    "hierarchy-clustering", mean, x="scaled_samples", y="mean", band="stderr", hue="setting", log="x", hline=[(0.5, "half")], size=(5, 3.2),
    labels={"scaled_samples": "$P / (\\sqrt{n_c}\\, m^L)$", "mean": "misplaced strings / chance", "setting": "$v, L$"},
    caption="Strings that k-means on the first gradient step puts with wrong synonyms, relative to shuffled labels.",
    alt="Curves for several vocabularies and depths fall together from one to zero, crossing one half at about four √n_c m^L.",
)  # fmt: skip
needed = clusters.drop_duplicates(["setting", "seed"]).dropna(subset="needed")
points = stats.mean_over(needed, by=["setting", "scale"], value="needed")
factor = (points["mean"] / points.scale).to_numpy()
spread = factor.max() / factor.min()
error = spread * ((points.stderr / points["mean"]) ** 2).max() ** 0.5 * 2**0.5
claims.report("hierarchy.clustering-collapse", spread, error)
if len(points) > 2:
    slope = stats.slope_over_seeds(needed, x="scale", y="needed", seed="seed")
    claims.report("hierarchy.clustering", slope.value, slope.stderr)

# %% [markdown]
# The number of data grows as a power of $\sqrt{n_c}\,m^L$, {claim}`hierarchy.clustering`; in units of it, the largest and the smallest of all
# grammars differ by a factor, {claim}`hierarchy.clustering-collapse`.
#
# ## A hierarchy without correlations
#
# Let the rules be a Latin square: every parent once in each row and column of the table of pairs. Then a child is uniform whatever its
# parent, and the class is uncorrelated with every token and every string, exactly, though the data are as hierarchical as before.
# If correlations are what deep networks learn from, this grammar should be out of reach: {cite}`cagnetta2024rhm`.

# %%
shape = dict(branching=2, network="cnn", width=width, level=0.1, unit="data")
choices = dict(rules=["random", "latin"], seed=range(latin_seeds))
panels = {
    "v = 4, L = 3": dict(vocab=4, num_rules=4, num_classes=4, depth=3, ratios=[latin_ratios]),
    "v = 4, L = 2": dict(vocab=4, num_rules=4, num_classes=4, depth=2, ratios=[[0.2, 0.4, 0.6, 0.8]]),
    "v = 3, L = 2": dict(vocab=3, num_rules=3, num_classes=3, depth=2, ratios=[[0.2, 0.4, 0.6, 0.8]]),
}
uncorrelated = pd.concat([
    sweep(nets.learning_curve, grid(**sizes, **shape, **choices), device=device).assign(tree=tree)
    for tree, sizes in panels.items()
])  # fmt: skip
uncorrelated["share"] = (uncorrelated.samples / uncorrelated.num_data).round(3)
figure(
    "hierarchy-uncorrelated", uncorrelated, x="share", y="relative_error", hue="rules", col="tree", hline=[(1, "chance")],
    share=False, labels={"share": "$P / P_\\max$", "relative_error": "test error / chance", "rules": "rules"},
    caption="The same network on a random grammar and on one without correlations, m = n_c = v.",
    alt="Three panels. The error on the random grammar falls early. On the Latin-square grammar it stays at chance for much longer; for "
    "four symbols it drops in the end, for three it does not.",
)  # fmt: skip
for claim, tree in {"": "v = 4, L = 3", "-late": "v = 4, L = 2", "-small": "v = 3, L = 2"}.items():
    rows = uncorrelated[(uncorrelated.tree == tree) & (uncorrelated.rules == "latin")]
    rows = rows[rows.samples == rows.samples.max()].relative_error
    if len(rows) > 1:
        claims.report(f"hierarchy.uncorrelated{claim}", rows.mean(), rows.sem())

# %% [markdown]
# At depth two, from 0.8 of all data: {claim}`hierarchy.uncorrelated-small` for three symbols and {claim}`hierarchy.uncorrelated-late` for
# four, in units of chance. (More than one is possible: in a Latin square a datum and its neighbours, one token away, never share the class,
# so that who goes by similarity is wrong more often than who guesses.) At depth three and with sixteen times what the random grammar needs: {claim}`hierarchy.uncorrelated`. Without correlations
# learning is delayed by more than a decade and then happens at once; but where there is room between the two scales our networks,
# trained until they fit, find the rule long before they have seen all data. This contradicts what is reported.
#
# *Is it the same grammar?* What is asked for is that every string of every level is equally likely in every class. Counted over all data
# (a test does it for $v = 2$ and $3$, $L = 3$), ours has this property for all levels below the class, and more: the class is independent
# of any $d - 1$ of the $d$ tokens, so that no statistics of fewer than all tokens help. The requirement alone would leave the lowest
# rules free.
#
# *Is it the same training?* We know the published settings, $m = v = n_c$ from two to four and nearly all data, at second hand only. Ours
# agree where the data are few, for three symbols at depth two. Momentum, learning rate and stopping rule may differ. On eight grammars
# of four symbols at depth two we replaced momentum by plain descent at a lower rate, and the test error became smaller on each, not
# larger. We have not found a setting that keeps the larger trees at chance.
#
# *What do they learn?* If the relabellings of the Latin squares preserve addition, the class is a signed sum of the tokens modulo $v$. Four symbols
# at depth three are learned from a fifth of all data then too. That gradient descent completes tables of modular sums, from a part of them and
# without any signal in low-order statistics, is known from small algorithmic tasks {cite}`power2022grokking`. Vanishing correlations
# remove the cheapest signal, not every signal.
#
# ## Zipf's law
#
# In a language rules are not equally frequent. Let those of one level follow $f_k \propto k^{-(1+a)}$. A learner that knows a rule when
# it has seen it, at $P_k \propto 1/f_k$, errs on the mass of the unknown ones, so that the error falls as a power,
# $P^{-a/(1+a)}$, instead of dropping at once {cite}`cagnetta2025zipf`. Below, a datum has four strings of that level ($s = 2$, $L = 3$).

# %%
ranks = sorted({int(k) for k in np.geomspace(3, zipf_rules / 3, 12)})
cells = grid(exponent=[0.5, 1.0, 2.0], num_rules=zipf_rules, num_strings=4, ranks=[ranks])
zipf = sweep(run.zipf_curve, cells, device=device)
slopes = [(-a / (1 + a), f"$P^{{-{a / (1 + a):.2f}}}$", a) for a in (0.5, 1.0, 2.0)]
figure(
    "hierarchy-zipf", zipf, x="samples", y="error", hue="exponent", log="xy", slopes=slopes, kind="scatter", size=(5, 3.2),
    labels={"samples": "$P / (n_c m^{L-1})$", "error": "error of the ideal learner", "exponent": "$a$"},
    caption="Error of the learner that knows the rules it has seen, for three Zipf exponents, and the predicted slopes.",
    alt="Three sets of points fall as power laws on logarithmic axes, faster for larger a, along their dashed predictions.",
)  # fmt: skip
for exponent, name in {0.5: "half", 1.0: "one", 2.0: "two"}.items():
    rows = zipf[zipf.exponent == exponent]
    slope = stats.loglog_slope(rows.samples, rows.error)
    claims.report(f"hierarchy.zipf-{name}", slope.value, slope.stderr)

# %% [markdown]
# The slopes: {claim}`hierarchy.zipf-half`, {claim}`hierarchy.zipf-one` and {claim}`hierarchy.zipf-two`. This checks the arithmetic only. Does a
# network learn one rule after the other? The same deep network, at depth two, with Zipf frequencies at the lowest level and test
# data of the same law:

# %%
v, n = zipf_network
cells = grid(
    vocab=v, num_rules=v, num_classes=n, exponent=[1.0, 2.0], width=width, seed=range(zipf_seeds), ratios=[zipf_ratios]
)
learned = sweep(variants.zipf_network_curve, cells, device=device)
slopes = [(-a / (1 + a), f"$P^{{-{a / (1 + a):.2f}}}$", a) for a in (1.0, 2.0)]
learned["network"], learned["learner of rules"] = learned.error, learned.ideal
learners = learned.melt(
    ["exponent", "seed", "scaled_samples"], ["network", "learner of rules"], "learner", "test_error"
)
figure(
    "hierarchy-zipf-network", learners, x="scaled_samples", y="test_error", hue="exponent", col="learner", log="xy", slopes=slopes,
    labels={"scaled_samples": "$P / (n_c m)$", "test_error": "error", "exponent": "$a$", "learner": ""},
    caption=f"Zipf rules, v = m = {v}, n_c = {n}, depth two. Left: test error of a trained network. Right: probability that one of the two "
    "strings of a datum is unknown to a learner who needs 2.5 n_c m / f_k data for a rule. Dashed: the law.",
    alt="Left, two curves of measured test error fall nearly as straight lines on logarithmic axes, the one for the larger a below and "
    "steeper. Right, the ideal learner falls in uneven steps with the same slopes. Dashed lines show the law.",
)  # fmt: skip
fits = {a: stats.slope_over_seeds(rows, x="samples", y="error", seed="seed")
        for a, rows in learned.groupby("exponent") if zipf_seeds > 1}  # fmt: skip
if fits:
    names = {"one": fits[1.0], "two": fits[2.0]}
    claims.report("hierarchy.zipf-network-order", {name: (fit.value, fit.stderr) for name, fit in names.items()})
    wide = "-wide" if v >= 128 else ""
    for name, fit in names.items():
        claims.report(f"hierarchy.zipf-network-{name}{wide}", fit.value, fit.stderr)

# %% [markdown]
# For $a = 2$ the slope is {claim}`hierarchy.zipf-network-two`, for $a = 1$ {claim}`hierarchy.zipf-network-one`, and their order is
# {claim}`hierarchy.zipf-network-order`. The network is ahead of the learner on the right, who finds a rule from its correlation with the
# class alone. A likely reason: once most of a language is known, class and neighbour together tell what an unknown string stands for, and
# a few sightings of it are enough, $v / f_k$ data instead of $n_c m / f_k$. The window has to end before the rarest rules are reached:
# in a first run, with 24 rules and more data, both curves fell with the same slope. For the same reason $a = 1/2$ is
# absent, where the law would need hundreds of rules.
#
# ## Data with holes
#
# In an image, what matters stands at places that vary. Let every symbol be surrounded by $s_0$ empty places, at random
# {cite}`tomasini2024sparse`: learning the class now includes learning that small shifts do not matter. Filters cover the
# $s(s_0 + 1)$ places of a patch. A *locally connected* network has other weights at every place. A given place holds a symbol in a
# fraction $(s_0 + 1)^{-L}$ of the data only, and the network needs $(s_0 + 1)^L\, n_c m^L$ of them. A convolutional one learns from all
# places at once: $(s_0 + 1)^2\, n_c m^L$, a power that is observed and not derived {cite}`tomasini2024sparse`. At depth two the two
# agree, so that only a tree of depth three tells them apart. Both networks see the same grammars and the same data.

# %%
v, (deep_v, deep_m) = sparse_vocab, sparse_deep
trees = {2: (v, v, sparse_empty, sparse_seeds), 3: (deep_v, deep_m, sparse_deep_empty, sparse_deep_seeds)}
ratios = {  # exponent of s_0 + 1, and P in these units
    ("cnn", 2): (2, [0.93, 1.31, 1.85, 2.62, 3.7]), ("lcn", 2): (2, [1.31, 1.85, 2.62, 3.7, 4.6]),
    ("cnn", 3): (2, [1.7, 2.4, 3.4, 4.8]), ("lcn", 3): (3, [2.4, 3.4, 4.8, 6.8]),
}  # fmt: skip
cells = Grid()
for (network, depth), (power, steps) in ratios.items():
    u, m, some, seeds = trees[depth]
    for empty in some:
        sizes = [round(x * u * m**depth * (empty + 1) ** power) for x in steps]
        cells += grid(
            vocab=u, num_rules=m, branching=2, depth=depth, num_empty=empty, placement="blocks", network=network, width=width,
            seed=range(seeds), sizes=[sizes], level=0.1,
        )  # fmt: skip
sparse = sweep(variants.sparse_curve, cells, device=device)
needed = sparse.drop_duplicates(["depth", "network", "num_empty", "seed"]).dropna(subset="needed")
needed = needed.assign(stretch=needed.num_empty + 1, tree="depth " + needed.depth.astype(str))
needed["kind"] = needed.network.map({"cnn": "convolutional", "lcn": "locally connected"})
slopes = [
    (2, "slope 2", "convolutional"), (2, "", "locally connected", "depth 2"), (3, "slope 3", "locally connected", "depth 3"),
]  # fmt: skip
figure(
    "hierarchy-sparse", needed, x="stretch", y="needed", hue="kind", col="tree", log="xy", slopes=slopes, size=(3.8, 3),
    labels={"stretch": "$s_0 + 1$", "needed": "$P^*$", "kind": "network", "tree": ""},
    caption=f"Data needed by two networks against the sparsity: v = m = n_c = {v} at depth two, v = n_c = {deep_v}, m = {deep_m} at three.",
    alt="Two panels on logarithmic axes. At depth two both networks rise with slopes near two; at depth three the locally connected "
    "one is steeper than the convolutional one.",
)  # fmt: skip
names = {(2, "cnn"): "", (2, "lcn"): "-local", (3, "cnn"): "-deep", (3, "lcn"): "-local-deep"}
for (depth, network), rows in needed.groupby(["depth", "network"]):
    u, w = (np.log(rows[c]) - np.log(rows[c]).groupby(rows.seed).transform("mean") for c in ("stretch", "needed"))
    free = len(rows) - rows.seed.nunique() - 1  # one prefactor for each grammar, and a common exponent
    if free > 1 and u @ u > 0:
        slope = (u @ w) / (u @ u)
        error = (((w - slope * u) ** 2).sum() / free / (u @ u)) ** 0.5
        claims.report(f"hierarchy.sparse{names[depth, network]}", slope, error)

# %% [markdown]
# Exponents at depth two: {claim}`hierarchy.sparse` for the convolutional network, {claim}`hierarchy.sparse-local` for the locally
# connected one. At depth three: {claim}`hierarchy.sparse-deep` and {claim}`hierarchy.sparse-local-deep`.
# There both lie somewhat above their prediction, by a similar amount, in a run with two values of $s_0$ of which one is zero: what it
# shows is that the exponents of the two networks differ by one. Sharing weights saves a factor $(s_0 + 1)^{L-2}$.
#
# ## What the run says

# %%
claims.scoreboard("hierarchy")

# %% [markdown]
# ## Try it
#
# 1. *More synonyms.* `quire run hierarchy --profile book -p deep_settings='[[8,2,8,3],[8,3,8,3],[8,4,8,3]]'` varies only $m$:
#    `hierarchy.sample-complexity` should still hold.
# 2. *A wider network.* `quire run hierarchy --profile book -p width=128`: thresholds move by a constant factor at most, so that
#    `hierarchy.sample-complexity` and `hierarchy.prefactor` should hold.
# 3. *Fewer rules under Zipf.* `quire run hierarchy -p zipf_rules=64`: the power law needs many rules, and `hierarchy.zipf-half`
#    should fail first.
