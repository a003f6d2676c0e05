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
# Reading: 20 minutes. Running: about 20 seconds at smoke scale, 6 minutes at book scale, on two cores.

# %% [markdown]
# **You need:** what a context-free grammar, a convolution and stochastic gradient descent are.
#
# **You will see:** the Random Hierarchy Model of {cite}`cagnetta2024rhm` and one of its derivations, parsed back; synonyms in the
# correlations with the class, and when they emerge from noise; the sample complexity of deep, shallow and lazy networks; layers
# that become less sensitive to synonyms, the upper before the lower; a single gradient step that groups them; a grammar without correlations;
# Zipf-distributed rules {cite}`cagnetta2025zipf`; and data with holes {cite}`tomasini2024sparse`.

# %% tags=["parameters"]
# Grammars exist where m ≤ v and n_c m ≤ v²; a setting that asks for more gets the largest m, then n_c, that there is.
signal_settings: list = [[8, 8, 8, 2]]  # scale: [v, m, n_c, L] of the signal and noise, in [2, 32]
signal_seeds: int = 4  # scale: grammars per setting, in [1, 1000]
deep_settings: list = [[8, 3, 8, 2], [6, 6, 6, 2], [8, 3, 8, 3]]  # scale: [v, m, n_c, L] of deep networks, in [2, 32]
deep_seeds: int = 1  # scale: grammars per setting, in [1, 1000]
vocabularies: list = [6, 8]  # scale: v at fixed m and n_c of 4 and 6, in [5, 256]
shallow_vocabularies: list = [4]  # scale: v ≡ m ≡ n_c of the shallow network, depth two, in [2, 20]
shallow_seeds: int = 1  # scale: grammars per vocabulary, in [1, 1000]
compare_vocab: int = 4  # scale: v ≡ m ≡ n_c of the comparison at 4 n_c m^2 data, in [2, 10]
compare_seeds: int = 2  # scale: grammars of the comparison, in [1, 1000]
sensitivity_vocab: int = 6  # scale: v ≡ m ≡ n_c of the sensitivities, in [2, 16]
sensitivity_depth: int = 2  # scale: depth of that tree, in [2, 3]
sensitivity_seeds: int = 1  # scale: grammars for the sensitivities, in [1, 1000]
cluster_settings: list = [[6, 2], [8, 2]]  # scale: [v, L] of the first gradient step, v ≡ m ≡ n_c, in [2, 32]
cluster_classes: list = [4, 8]  # scale: n_c of the first gradient step at v, m, L of 16, 8, 2, in [2, 32]
cluster_many: list = [32, 64]  # scale: n_c of the first gradient step at v, m, L of 32, 8, 2, in [2, 128]
cluster_seeds: int = 3  # scale: grammars per setting, in [1, 1000]
class_seeds: int = 3  # scale: grammars of each number of classes, in [1, 1000]
latin_ratios: list = [0.004]  # scale: P / P_max at v and L of 4 and 3, in [0.0001, 0.8]
latin_epochs: int = 20  # scale: passes over the data with an annealed rate, in [1, 10000]
latin_seeds: int = 1  # scale: uncorrelated grammars, in [1, 1000]
zipf_rules: int = 512  # scale: rules of the Zipf law of the ideal learner, in [9, 1000000]
zipf_network: list = [8, 4]  # scale: [v ≡ m, n_c] of the network on Zipf rules, depth two, in [2, 128]
zipf_ratios: list = [8, 16, 32]  # scale: P / (n_c m) of that network, in [1, 512]
zipf_seeds: int = 1  # scale: grammars for it, in [1, 1000]
sparse_empty: list = [0, 1]  # scale: empty places per symbol, in [0, 6]
sparse_vocab: int = 4  # scale: v ≡ m ≡ n_c of the sparse hierarchy, in [2, 12]
sparse_seeds: int = 1  # scale: grammars per number of empty places, in [1, 1000]
sparse_deep: list = [3, 2]  # scale: [v ≡ n_c, m] of the sparse hierarchy of depth three, in [2, 8]
sparse_deep_empty: list = [0]  # scale: empty places per symbol at depth three, in [0, 3]
sparse_deep_seeds: int = 1  # scale: grammars for it, in [1, 1000]
width: int = 32  # scale: channels of every layer, in [16, 1024]
device: str = "auto"  # choice: "cpu", "cuda" or "auto"

# %% tags=["setup"]
from quire import claims
from quire.experiments.hierarchy import (
    drawings,
    grammar_cells,
    grammar_measures,
    lazy_cells,
    network_cells,
    network_measures,
    plans,
    variant_cells,
    variant_measures,
)
from quire.figures import Level, Place, PowerLaw, curves, custom, figure, heatmap, label_columns, scatter
from quire.sweep import describe, grid, sweep

plans.check_settings(signal_settings, deep_settings, [[v, v, v, depth] for v, depth in cluster_settings])

label_columns(
    "hierarchy",
    string="string of the first patch, four synonyms in a row",
    label="class",
    covariance="$C$ / r.m.s.",
    setting="$v, m, n_c, L$",
    scaled_samples="$P / (n_c m^L)$",
    over_signal="mean squared covariance / signal",
    prediction="signal + noise",
    share=r"$P / P_\max$",
    relative_error="test error / chance",
    vocab="$v = m = n_c$",
    kind="network",
    threshold="$n_c m^L$",
    needed="$P^*$",
    depth="depth $L$",
    sensitivity="$S_{k,l}$",
    layer_name="",
    mean="misplaced strings / chance",
    rules="rules",
    exponent="$a$",
    samples="$P / (n_c m^{L-1})$",
    error="error of the ideal learner",
    test_error="error",
    learner="",
    stretch="$s_0 + 1$",
    tree="",
)

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
drawn = grid(vocab=4, num_rules=2, branching=2, depth=3, num_classes=4, seed=3)
tree = sweep(grammar_cells.derivation, drawn, device=device)
claims.report("hierarchy.parse", grammar_measures.wrong_symbols(tree))

# %%
figure(
    "hierarchy-tree",
    custom(drawings.tree, tree, size=(6, 3)),
    caption="A class (top) and the tokens that it became, with v = 4 symbols, m = 2 synonyms, s = 2, L = 3.",
    alt="A binary tree of four levels. One letter at the top, the class, becomes two letters, then four, then eight tokens.",
)

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
drawn = grid(vocab=6, num_rules=4, branching=2, depth=2, num_classes=6, seed=0)
strings = sweep(grammar_cells.string_signal, drawn, device=device)
claims.report("hierarchy.synonyms", grammar_measures.largest_spread(strings))

# %%
figure(
    "hierarchy-synonyms",
    heatmap(strings, x="string", y="label", value="covariance", size=(6.5, 2.6)),
    caption="Covariance of every string with every class: groups of four synonyms have one colour per class.",
    alt="A heat map with classes as rows and strings as columns. Along each row the colour is constant over blocks of "
    "four neighbouring columns, the synonyms of one symbol, and differs between blocks.",
)

# %% [markdown]
# Averaged over grammars, $\langle C^2\rangle \simeq 1/(n_c^2 v m^{L+1})$: every level dilutes it by a factor $m$. In $P$ data it is
# covered by sampling noise of variance $1/(n_c v m P)$. They are equal at
#
# $$P_c = n_c\, m^L .$$

# %%
signal = sweep(grammar_cells.class_signal, plans.signal_cells(signal_settings, seeds=signal_seeds), device=device)
claims.report("hierarchy.signal", grammar_measures.signal_ratio(signal))
claims.report("hierarchy.signal-crossing", grammar_measures.crossing_ratio(signal))

# %%
shown = grammar_measures.signal_table(signal)
figure(
    "hierarchy-signal",
    curves(shown, x="scaled_samples", y="over_signal", by="setting", theory="prediction", log="xy", size=(5.4, 3.2)),
    *[Level(1, "signal"), Place(1, "$P = n_c m^L$")],
    caption="Measured class-string covariance against the number of data, and the sum of signal and noise (no fit).",
    alt="Curves of the measured squared covariance in units of the exact one fall as 1/P and level off at one; the knee "
    "is at P near n_c m^L for all settings. Dashed predictions follow the points.",
)

# %% tags=["nbval-check-output"]
describe(signal, units={"samples": "data", "signal": "probability squared", "noise": "probability squared"})

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
square = [[v, v, v, 2] for v in shallow_vocabularies]
shares = dict(ratios=[0.1, 0.2, 0.3, 0.45, 0.6], unit="data", level=0.7)
asked = plans.curve_cells(square, network="shallow", width=width, seeds=shallow_seeds, **shares)
shallow = sweep(network_cells.learning_curve, asked, device=device)
claims.report("hierarchy.shallow", network_measures.shallow_exponent(shallow))

# %%
shown = network_measures.curve_table(shallow)
figure(
    "hierarchy-shallow",
    curves(shown, x="share", y="relative_error", by="vocab", size=(5, 3)),
    Level(0.7, "0.7"),
    caption="A network with one hidden layer: test error against the fraction of all data that it has seen, depth two.",
    alt="Learning curves for several vocabularies lie close to each other when the number of data is divided by the "
    "number of all data: they cross the level of learning when a quarter to a half of them have been seen.",
)

# %% [markdown]
# The slope: {claim}`hierarchy.shallow`. (A curve that does not come down to the level says that more data are needed than its last $P$. It is
# not drawn above, and counts in the slope with what is expected beyond that $P$; to leave such curves out would leave out the hard grammars. How
# many there are is said with the clustering below.) Nor does depth help by itself. In the *lazy* limit of infinite width with the usual scale of the
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
square = [[compare_vocab, compare_vocab, compare_vocab, 2]]
common = dict(network=["shallow", "cnn"], seeds=compare_seeds, ratios=[0.5, 1.0, 2.0, 4.0])
trained = sweep(network_cells.learning_curve, plans.curve_cells(square, width=width, **common), device=device)
lazy = sweep(lazy_cells.lazy_curve, plans.lazy_cells(square, **common), device=device)
comparison = network_measures.regimes(trained, lazy)

# %%
kinds = {"shallow": "shallow, trained", "deep": "deep, trained"}
claims.report("hierarchy.deep-beats-shallow", network_measures.error_at_most_data(comparison, kinds))
kinds = {"lazy": "deep, lazy", "deep": "deep, trained"}
claims.report("hierarchy.deep-beats-lazy", network_measures.error_at_most_data(comparison, kinds))

# %%
figure(
    "hierarchy-compare",
    curves(comparison, x="scaled_samples", y="relative_error", by="kind", size=(5, 3)),
    Level(1, "chance"),
    caption=f"Four learners of one grammar, v = m = n_c = {compare_vocab}, depth two: features that are trained, and "
    "features that are not.",
    alt="Test error against data. The trained deep network falls to zero within a decade; the shallow network and the "
    "lazy limits of both decrease slowly and stay at about half of chance or more.",
)

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
asked = plans.curve_cells(deep_settings, network="cnn", width=width, seeds=deep_seeds)
deep = sweep(network_cells.learning_curve, asked, device=device)
claims.report("hierarchy.sample-complexity", network_measures.sample_complexity(deep))
claims.report("hierarchy.prefactor", network_measures.prefactor(deep))

# %%
shown = network_measures.curve_table(deep)
figure(
    "hierarchy-deep-curves",
    curves(shown, x="scaled_samples", y="relative_error", by="setting", size=(5, 3.2)),
    Level(0.1, "$P^*$"),
    caption="Test error of deep networks against data in units of n_c m^L, for grammars of different sizes.",
    alt="Learning curves of all grammars fall together from below chance at P = n_c m^L to zero at about four "
    "times that.",
)

# %% tags=["nbval-check-output"]
describe(deep[["vocab", "depth", "seed", "samples", "relative_error", "fitted"]], units={"samples": "data"})

# %%
needed = network_measures.needed_table(deep)
figure(
    "hierarchy-sample-complexity",
    scatter(needed, x="threshold", y="needed", by="depth", log="xy", size=(5.4, 3.4)),
    PowerLaw(1, "slope 1"),
    caption="The training set that a deep network needs, against n_c m^L.",
    alt="Points for depths two and three fall on one straight line of slope one on logarithmic axes.",
)

# %% [markdown]
# The slope of $\log P^*$ is {claim}`hierarchy.sample-complexity`, and the prefactor at depth two {claim}`hierarchy.prefactor`. With
# $L = \ln d/\ln s$ this is $P^* \sim n_c\, d^{\ln m/\ln s}$, a power of the length. The vocabulary does not enter:
# {claim}`hierarchy.vocabulary`.

# %%
settings = [[v, 4, 6, 2] for v in vocabularies]
asked = plans.curve_cells(settings, network="cnn", width=width, seeds=max(2, deep_seeds))
vocabulary = sweep(network_cells.learning_curve, asked, device=device)
claims.report("hierarchy.vocabulary", network_measures.vocabulary_exponent(vocabulary))

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
asked = plans.sensitivity_cells(sensitivity_vocab, depth=sensitivity_depth, width=width, seeds=sensitivity_seeds)
sensitivity = sweep(network_cells.layer_sensitivity, asked, device=device)
claims.report("hierarchy.sensitivity", network_measures.half_insensitive(sensitivity))
claims.report("hierarchy.first-layer", network_measures.first_layer(sensitivity))

# %%
shown = network_measures.sensitivity_table(sensitivity)
figure(
    "hierarchy-sensitivity",
    curves(shown, x="scaled_samples", y="sensitivity", by="layer_name", panels="synonyms"),
    Level(0.5),
    caption="Sensitivity to synonyms against data: layers above the level of the synonym become less sensitive to it.",
    alt="For synonyms of level one the first layer stays sensitive, the second and the output fall towards zero around P "
    "of a few n_c m^L. For synonyms of level two only the output falls, to about one half.",
)

# %% [markdown]
# The second layer crosses one half at $\log_2 P/(n_c m^L)$ of {claim}`hierarchy.sensitivity`; the first, which sees the strings
# themselves, keeps {claim}`hierarchy.first-layer`. The output gives up synonyms of level one sooner than the second layer: only the part of
# a representation that the read-out uses has to be invariant. A synonym of the highest level is another datum of the same class. There the
# output keeps about one half even at the largest $P$: classes are
# told apart, and the margins of the logits still vary within each.
#
# ## One gradient step groups the synonyms
#
# At the first step of a two-layer network on one patch, hidden unit $h$ responds to string $\mu$ with
# $\sum_\alpha a_{h\alpha}\,[N(\mu,\alpha)/P - N(\mu)/(n_c P)]$, a random projection of the string's centred class counts. Cluster these
# vectors by k-means and compare with the true symbols. The vectors have $n_c$ components, and their noise averages out in the
# distances: $\sqrt{n_c}\, m^L$ data suffice.

# %%
asked = plans.clustering_cells(cluster_settings, seeds=cluster_seeds)
clusters = sweep(grammar_cells.first_step_clustering, asked, device=device)
claims.report("hierarchy.clustering", grammar_measures.clustering_exponent(clusters))

asked = plans.class_cells(16, cluster_classes, seeds=class_seeds)
few = sweep(grammar_cells.first_step_clustering, asked, device=device)
claims.report("hierarchy.clustering-classes", grammar_measures.class_exponent(few))
asked = plans.class_cells(32, cluster_many, seeds=class_seeds)
many = sweep(grammar_cells.first_step_clustering, asked, device=device)
claims.report("hierarchy.clustering-many", grammar_measures.class_exponent(many))

# %% [markdown]
# Settings $v, m, n_c, L$ with curves that do not come down to their level:

# %%
kinds = {"shallow": shallow, "deep": deep, "clustering": clusters, "few classes": few, "many classes": many}
grammar_measures.uncrossed_table(kinds)

# %%
frame = dict(labels={"scaled_samples": r"$P / (\sqrt{n_c}\, m^L)$"}, size=(5, 3.2))
shown = grammar_measures.clustering_table(clusters)

# %%
figure(
    "hierarchy-clustering",
    curves(shown, x="scaled_samples", y="mean", error="stderr", by="setting", log="x", **frame),
    Level(0.5, "half"),
    caption="Strings that k-means on the first gradient step puts with wrong synonyms, relative to shuffled labels.",
    alt="Curves for several vocabularies and depths fall together from one to zero, crossing one half at about four "
    "√n_c m^L.",
)

# %% [markdown]
# The number of data grows as a power of $\sqrt{n_c}\,m^L$, {claim}`hierarchy.clustering`. In these grammars $n_c = m = v$, so that the power of
# the classes is hidden in that of the rules. With $n_c$ alone varied, from a quarter of $v$ to twice $v$, it is {claim}`hierarchy.clustering-classes`: no growth at
# all. (Many grammars of four classes do not come to one half; they count with what is expected beyond the last $P$.) The argument counts fluctuations of distances, as if the symbols were far apart. But the vectors of $v$ symbols lie in $n_c$
# dimensions, and where these are few they crowd, so that k-means takes neighbours for one another and needs more data. This works against the
# root, and should be over once there are as many dimensions as symbols: from $n_c = v$ to $4v$ the power is {claim}`hierarchy.clustering-many`.
#
# ## A hierarchy without correlations
#
# Let the rules be a Latin square: every parent once in each row and column of the table of pairs. Then a child is uniform whatever its
# parent, and the class is uncorrelated with every token and every string, exactly, though the data are as hierarchical as before.
# If correlations are what deep networks learn from, this grammar should be out of reach: {cite}`cagnetta2024rhm`.

# %%
asked = plans.uncorrelated_cells(ratios=latin_ratios, width=width, seeds=latin_seeds)
uncorrelated = sweep(network_cells.learning_curve, asked, device=device)
claims.report("hierarchy.uncorrelated", network_measures.latin_error(uncorrelated, vocab=4, depth=3))
claims.report("hierarchy.uncorrelated-late", network_measures.latin_error(uncorrelated, vocab=4, depth=2))
claims.report("hierarchy.uncorrelated-small", network_measures.latin_error(uncorrelated, vocab=3, depth=2))

# %%
asked = plans.annealed_cells(ratios=latin_ratios[-1:], width=width, seeds=latin_seeds, max_epochs=latin_epochs)
annealed = sweep(variant_cells.annealed_curve, asked, device=device)
claims.report("hierarchy.uncorrelated-annealed", variant_measures.annealed(annealed, quantity="relative_error"))
claims.report("hierarchy.uncorrelated-unfitted", variant_measures.annealed(annealed, quantity="train_loss"))

# %%
shown = network_measures.latin_table(uncorrelated)
figure(
    "hierarchy-uncorrelated",
    curves(shown, x="share", y="relative_error", by="rules", panels="tree", share=False),
    Level(1, "chance"),
    caption="The same network on a random grammar and on one without correlations, m = n_c = v.",
    alt="Three panels. The error on the random grammar falls early. On the Latin-square grammar it stays at chance for "
    "much longer; for four symbols it drops in the end, for three it does not.",
)

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
# *Is it the same training?* No, and this decides. By default the published code lets the learning rate fall along a cosine and stops after
# 250 passes over the data. On the very same data the same network then stays at {claim}`hierarchy.uncorrelated-annealed` of chance, with a training
# loss of {claim}`hierarchy.uncorrelated-unfitted`: it has not fitted what it was shown. With a constant rate, until it fits, it finds the rule. What the
# publication reports is right for its training; what fails is the conclusion that a grammar without correlations cannot be learned.
#
# *What do they learn?* If the relabellings of the Latin squares preserve addition, the class is a signed sum of the tokens modulo $v$. That gradient descent completes tables of modular sums, from a part of them and
# without any signal in low-order statistics, is known from small algorithmic tasks {cite}`power2022grokking`. Vanishing correlations
# remove the cheapest signal, not every signal.
#
# ## Zipf's law
#
# In a language rules are not equally frequent. Let those of one level follow $f_k \propto k^{-(1+a)}$. A learner that knows a rule when
# it has seen it, at $P_k \propto 1/f_k$, errs on the mass of the unknown ones, so that the error falls as a power,
# $P^{-a/(1+a)}$, instead of dropping at once {cite}`cagnetta2025zipf`. Below, a datum has four strings of that level ($s = 2$, $L = 3$).

# %%
zipf = sweep(grammar_cells.zipf_curve, plans.zipf_cells(zipf_rules), device=device)
claims.report("hierarchy.zipf-half", grammar_measures.zipf_slope(zipf, exponent=0.5))
claims.report("hierarchy.zipf-one", grammar_measures.zipf_slope(zipf, exponent=1.0))
claims.report("hierarchy.zipf-two", grammar_measures.zipf_slope(zipf, exponent=2.0))

# %%
laws = [PowerLaw(-a / (1 + a), f"$P^{{-{a / (1 + a):.2f}}}$", through=a) for a in (0.5, 1.0, 2.0)]
figure(
    "hierarchy-zipf",
    scatter(zipf, x="samples", y="error", by="exponent", log="xy", size=(5, 3.2)),
    *laws,
    caption="Error of the learner that knows the rules it has seen, for three Zipf exponents, and the predicted slopes.",
    alt="Three sets of points fall as power laws on logarithmic axes, faster for larger a, along their dashed "
    "predictions.",
)

# %% [markdown]
# The slopes: {claim}`hierarchy.zipf-half`, {claim}`hierarchy.zipf-one` and {claim}`hierarchy.zipf-two`. This checks the arithmetic only. Does a
# network learn one rule after the other? The same deep network, at depth two, with Zipf frequencies at the lowest level and test
# data of the same law:

# %%
v, n_c = zipf_network
asked = plans.zipf_network_cells(v, n_c, ratios=zipf_ratios, width=width, seeds=zipf_seeds)
learned = sweep(variant_cells.zipf_network_curve, asked, device=device)
one, two = (variant_measures.zipf_exponent(learned, exponent=a) for a in (1.0, 2.0))
wide = "-wide" if v >= 128 else ""
claims.report(f"hierarchy.zipf-network-one{wide}", one)
claims.report(f"hierarchy.zipf-network-two{wide}", two)
claims.report("hierarchy.zipf-network-order", {"one": one, "two": two})

# %%
shown = variant_measures.learners(learned)
laws = [PowerLaw(-a / (1 + a), f"$P^{{-{a / (1 + a):.2f}}}$", through=a) for a in (1.0, 2.0)]
columns = dict(x="scaled_samples", y="test_error", by="exponent", panels="learner")
about = f"Zipf rules, v = m = {v}, n_c = {min(n_c, v)}, depth two. Left: test error of a trained network."

# %%
figure(
    "hierarchy-zipf-network",
    curves(shown, **columns, log="xy", labels={"scaled_samples": "$P / (n_c m)$"}),
    *laws,
    caption=f"{about} Right: probability that one of the two strings of a datum is unknown to a learner who needs "
    "2.5 n_c m / f_k data for a rule. Dashed: the law.",
    alt="Left, two curves of measured test error fall nearly as straight lines on logarithmic axes, the larger a steeper. "
    "Right, the ideal learner falls in uneven steps with the same slopes. Dashed lines show the law.",
)

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
asked = plans.sparse_cells(v, v, 2, empty=sparse_empty, width=width, seeds=sparse_seeds)
asked += plans.sparse_cells(deep_v, deep_m, 3, empty=sparse_deep_empty, width=width, seeds=sparse_deep_seeds)
sparse = sweep(variant_cells.sparse_curve, asked, device=device)

# %%
claims.report("hierarchy.sparse", variant_measures.sparse_exponent(sparse, network="cnn", depth=2))
claims.report("hierarchy.sparse-local", variant_measures.sparse_exponent(sparse, network="lcn", depth=2))
claims.report("hierarchy.sparse-deep", variant_measures.sparse_exponent(sparse, network="cnn", depth=3))
claims.report("hierarchy.sparse-local-deep", variant_measures.sparse_exponent(sparse, network="lcn", depth=3))

# %%
two = [PowerLaw(2, "slope 2", through="convolutional"), PowerLaw(2, "", through="locally connected", panel="depth 2")]
laws = [*two, PowerLaw(3, "slope 3", through="locally connected", panel="depth 3")]
needed = variant_measures.sparse_table(sparse)
at_three = f"v = n_c = {deep_v}, m = {min(deep_m, deep_v)} at three"

# %%
figure(
    "hierarchy-sparse",
    curves(needed, x="stretch", y="needed", by="kind", panels="tree", log="xy", size=(3.8, 3)),
    *laws,
    caption=f"Data needed by two networks against the sparsity: v = m = n_c = {v} at depth two, {at_three}.",
    alt="Two panels on logarithmic axes. At depth two both networks rise with slopes near two; at depth three the locally "
    "connected one is steeper than the convolutional one.",
)

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
#    `hierarchy.prefactor` should hold. The slope should agree with the one above within their errors; that all of its interval lies in the band,
#    `hierarchy.sample-complexity`, is more than so few settings may show.
# 3. *Fewer rules under Zipf.* `quire run hierarchy -p zipf_rules=64`: the power law needs many rules, and `hierarchy.zipf-half`
#    should fail first.
