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
# # A phase transition in the denoising of hierarchical data
#
# *Noise a datum and restore it: at one level of noise its class is lost all at once, while its low-level features fade smoothly and
# are put together anew; there, the tokens that change form blocks that grow without bound as the hierarchy gets deeper.*
#
# Reading: 20 minutes. Running: about 10 seconds at smoke scale, two minutes at book scale, on two cores.

# %% [markdown]
# **You need:** the grammars of the chapter on classification; Bayes' rule; what a diffusion model does, noise data and learn to undo it.
#
# **You will see:** the exact denoiser of a grammar, by belief propagation; a map of one variable that predicts what it keeps at each
# level, without a fit {cite}`sclocchi2025phase`; a transition of the class that sharpens with the depth; why masking and Gaussian noise
# have theirs elsewhere; blocks of tokens that change together, and their size at the transition {cite}`sclocchi2025probing`; and the
# same observables on a text without hierarchy.

# %% tags=["parameters"]
# Binary trees have a transition for m from 2 to v/2: other m are moved there.
vocab: int = 32  # scale: symbols v, in [4, 64]
rules: int = 8  # scale: rules m of each symbol, in [2, 32]
vocabs: list = [4, 8, 16, 32]  # scale: v of the phase diagram, in [2, 64]
depth: int = 5  # scale: depth L of the trees, in [1, 10]
noises: list = [0.5, 0.65, 0.71, 0.73, 0.75, 0.8]  # scale: noise ε of the simplified process, in [0.01, 1]
seeds: int = 2  # scale: grammars, each with its strings, in [1, 100]
strings: int = 32  # scale: strings of each grammar, in [1, 1000]
channel_noises: list = [0.1, 0.2, 0.3, 0.4]  # scale: noise of real channels, t or 1 - ᾱ, in [0.01, 1]
block_depths: list = [2, 3, 4]  # scale: depths at which blocks are measured, in [1, 10]
block_noises: list = [0.5, 0.7, 0.73, 0.76, 0.9]  # scale: noise ε at which blocks are measured, in [0.01, 1]
mask_noises: list = [0.1, 0.2, 0.3, 0.5]  # scale: masked fractions t at which blocks are measured, in [0.01, 1]
blocks: int = 2  # scale: independent blocks of grammars, in [1, 100]
grammars: int = 4  # scale: grammars of a block, in [1, 64]
block_strings: int = 32  # scale: strings of each of these grammars, in [1, 1000]
text_depths: list = [3, 4]  # scale: texts have 2^L tokens, in [1, 9]
text_noises: list = [0.1, 0.3, 1.0]  # scale: masked fractions of texts, in [0.01, 1]
text_blocks: int = 2  # scale: independent blocks of texts, in [1, 100]
device: str = "auto"  # choice: "cpu", "cuda" or "auto"

# %% tags=["setup"]
from quire import claims
from quire.experiments.phase_transition import (
    block_cells,
    block_measures,
    cells,
    drawings,
    measures,
    plans,
    text_cells,
    theory_cells,
)
from quire.figures import Level, PowerLaw, curves, custom, figure, heatmap, label_columns
from quire.sweep import describe, grid, sweep

label_columns(
    "phase_transition",
    noise="noise $ε$",
    kept="kept",
    mean_field_kept="mean field, no fit",
    name="",
    belief="belief in the class",
    mean_field_belief="mean field, no fit",
    depth_name="",
    distance="distance $r = s^ℓ$",
    correlation="$C(r)/C(0)$",
    mean_field_correlation="mean field, no fit",
    noise_name="",
    susceptibility="susceptibility $χ$",
    mean_field_susceptibility="mean field, no fit",
    text_name="",
    length="",
    vocab="symbols $v$",
    num_rules="rules $m$",
    critical_noise="$ε_*$",
)
size = dict(size=(4.8, 3.2))

# %% [markdown]
# What is predicted stands in the ledger before anything runs:

# %% tags=["nbval-check-output"]
claims.expected("phase_transition")

# %% [markdown]
# ## A denoiser that knows the grammar
#
# A diffusion model learns to restore data from noise. What is the best that it could do? For the data of a known grammar that question
# has an exact answer. The noise leaves on each token *evidence* $h_i(a) \propto P(x_{t,i}\,|\,x_{0,i}=a)$; what is known about a node
# from the leaves below it comes up the tree, what is known from all other leaves comes down:
#
# $$
# U_l(y) \propto \frac1m\sum_k\prod_j U_{l-1,j}\big(T_l[y,k,j]\big), \qquad
# D_{l-1,j}(c) \propto \sum_{(y,k):\,T_l[y,k,j]=c} D_l(y)\prod_{i\ne j}U_{l-1,i}\big(T_l[y,k,i]\big),
# $$
#
# and the law of the node is $U D$. A draw from the law of the whole tree is what an ideal reverse process, started at the noisy datum,
# ends in: *forward and back* in one pass, with no simulation of its steps.
#
# ```{literalinclude} /lib/quire/hierarchy/messages.py
# :language: python
# :pyobject: rows_up
# ```
#
# Levels are counted from the tokens, level 0, to the class, level $L$; distances are those of lowest common ancestors. (The papers count
# the levels of *correlations* from one, too: their $ℓ$ is the level of the ancestor, as here.)
#
# ## A map of one variable
#
# In the simplified process of {cite}`sclocchi2025phase` each leaf is believed to be its true token with probability
# $p_0 = 1 - ε + ε/v$, and each of the others with $ε/v$. A parent's true rule is believed with $q = p^s$; one of the other $v^s - 1$
# strings, with $1 - q$ in all. Of those, a fraction $a = (m-1)/(v^s-1)$ are synonyms, and $f = (mv-1)/(v^s-1)$ are grammatical at all.
# Hence, averaging numerator and denominator over random rules, the belief in the true parent is
#
# $$p_{l+1} = F(p_l) = \frac{q + a(1-q)}{q + f(1-q)} .$$
#
# ```{literalinclude} /lib/quire/diffusion/mean_field.py
# :language: python
# :pyobject: MeanField.update
# ```
#
# To know everything, $p = 1$, and to know nothing, $p = 1/v$, are fixed points. Where both are stable there is one in between that is
# not, and a belief to its left or right ends, level by level, at nothing or everything.

# %%
curve = sweep(theory_cells.update_map, plans.map_cells(vocab, rules))
points = sweep(theory_cells.fixed_points, grid(**plans.setting(vocab, rules)))
figure(
    "phase_transition-map",
    custom(drawings.cobweb, curve.assign(critical=points.closed[0]), size=(3.6, 3.4)),
    caption="The belief in the true symbol from one level to the next, and two trees whose leaves differ by a little.",
    alt="A curve that crosses the dashed diagonal three times, at the lower left, at a point named p star, and at one. A staircase that "
    "starts a little above p star climbs towards one; a staircase that starts a little below descends to the lower left.",
)
claims.report("phase_transition.slopes", measures.slope_error(curve))
claims.report("phase_transition.critical-belief", measures.closed_form_error(points))

# %% [markdown]
# For $s = 2$ the middle point is $p_* = (m-1)/(v-m)$, and leaves have that belief at
#
# $$ε_* = \frac{1-p_*}{1-1/v} = \frac{v\,(v-2m+1)}{(v-m)(v-1)} .$$
#
# (closed form against bisection: {claim}`phase_transition.critical-belief`; slopes against finite differences:
# {claim}`phase_transition.slopes`). Its existence needs $F'(1) < 1$, few rules, and $F'(1/v) < 1$, more than about $s$ of them.

# %%
diagram = sweep(theory_cells.phase_diagram, plans.diagram_cells(vocabs))
figure(
    "phase_transition-diagram",
    heatmap(measures.diagram_table(diagram), x="vocab", y="num_rules", value="critical_noise", **size),
    caption="Where binary grammars lose their class: the critical noise, 0 if at any noise, 1 if never quite.",
    alt="A table of the number of rules against the number of symbols. Between two rules and half as many rules as symbols the critical "
    "noise falls from nearly one to nearly zero; with more rules it is zero, with one rule it is one.",
)
claims.report("phase_transition.existence", measures.diagram_error(diagram))

# %% [markdown]
# Grammars that do not follow the rule $2v/(v+1) < m < (v+1)/2$: {claim}`phase_transition.existence`.
#
# ## What is kept, level by level
#
# Nothing is fitted from here on. Mean field also gives what comes from above, and so the probability that an ideal denoiser restores
# the true symbol of a node; exact inference on grammars with their strings gives the truth.

# %%
asked = plans.level_cells(vocab, rules, depth=depth, noises=noises, seeds=seeds, strings=strings)
levels = sweep(cells.epsilon_levels, asked, device=device)
figure(
    "phase_transition-levels",
    curves(measures.kept_table(levels), x="noise", y="kept", by="name", theory="mean_field_kept", **size),
    caption="Probability that an ideal denoiser restores the true symbol of a node, by level: exact (markers), and mean field.",
    alt="Curves fall from one to nearly zero as the noise grows, the higher the level the more steeply: the class around a noise of three quarters, where most tokens are still kept; the tokens slowly, up to the end. Dashed lines of the theory run through the markers.",
)
claims.report("phase_transition.levels", measures.deviation_from_mean_field(levels, points, near=False))
claims.report("phase_transition.levels-critical", measures.deviation_from_mean_field(levels, points, near=True))

# %% tags=["nbval-check-output"]
describe(levels[["noise", "level", "belief", "mean_field_belief", "kept", "mean_field_kept"]])

# %% [markdown]
# The largest distance from the theory is {claim}`phase_transition.levels`, and {claim}`phase_transition.levels-critical` close to the
# transition, where the little that mean field neglects at every level is amplified on the way up.
#
# Subtrees of a tree are trees of smaller depth, so one tree shows the transition of all depths:

# %%
figure(
    "phase_transition-class",
    curves(measures.belief_table(levels), x="noise", y="belief", by="depth_name", theory="mean_field_belief", **size),
    Level(float(points.closed[0]), "$p_*$"),
    caption="Belief in the class of trees of several depths: the curves cross at one point, and the step sharpens.",
    alt="Four falling curves that cross at one point, where the dotted line of the critical belief passes; the deeper the tree, the "
    "steeper its curve. Dashed lines of the theory run through the markers.",
)
claims.report("phase_transition.critical-noise", measures.transition_ratio(levels, points))
claims.report("phase_transition.crossing", measures.crossing_of_levels(levels) / float(points.critical_noise[0]))
claims.report("phase_transition.sharpening", measures.sharpening_ratio(levels, points))

# %% [markdown]
# The belief in the class passes $p_*$ at {claim}`phase_transition.critical-noise`; the two deepest curves cross at
# {claim}`phase_transition.crossing`; a level makes the step steeper by {claim}`phase_transition.sharpening`. So the class of a deep tree
# is kept or lost, while at the same noise most tokens are still there: what a diffusion model restores from such a noise is a *new*
# datum of another class that is composed of parts of the old one.
#
# ## Real noise has its transition elsewhere
#
# It is tempting to read the theory with $p_0 = 1 - t\,(1-1/v)$ for a masked fraction $t$. That is wrong. The simplified process knows the
# truth a little at every leaf; a mask knows it entirely or not at all, and one hidden leaf already leaves $(v-1)f$ spurious candidates
# for its parent. We compute.

# %%
asked = plans.channel_cells(vocab, rules, depth=depth, noises=channel_noises, seeds=seeds, strings=strings)
channels = sweep(cells.channel_levels, asked, device=device)
figure(
    "phase_transition-channels",
    curves(
        measures.channel_table(channels), x="noise", y="kept", by="name", panels="channel_name", size=(3.4, 2.9), wrap=2
    ),
    caption="What an ideal denoiser keeps at each level under three real kinds of noise.",
    alt="Three panels, for masking, random replacement and Gaussian noise. In each the curve of the tokens falls slowly and that of the "
    "class steeply, at a quarter of masked tokens, at less for random replacement, and at least noise for Gaussian noise.",
)

# %%
for name, level, noise in (("early", "class", 0.175), ("late", "class", 0.4), ("leaf", "tokens", 0.4)):
    claims.report(f"phase_transition.mask-{name}", measures.kept_at(channels, channel="mask", noise=noise, level=level))
for channel in plans.CHANNELS:
    crossing = measures.crossing_of_levels(channels[channels.channel == channel])
    claims.report(f"phase_transition.{channel}-transition", crossing)
claims.report("phase_transition.tower", measures.tower_difference(channels))

# %% [markdown]
# Under masking the class is kept at $t = 0.175$ ({claim}`phase_transition.mask-early`) and gone at $t = 0.4$
# ({claim}`phase_transition.mask-late`), where the tokens are mostly restored ({claim}`phase_transition.mask-leaf`). The curves of
# different depths cross at {claim}`phase_transition.mask-transition` for masking, {claim}`phase_transition.uniform-transition` for random
# replacement, and {claim}`phase_transition.gaussian-transition` for Gaussian noise, all far below $ε_*$. That the posterior is believed
# as it should be follows from the tower rule: {claim}`phase_transition.tower`.
#
# ## Blocks that change together
#
# Let $σ_i = 1$ where token $i$ of the restored string differs. If a latent symbol changes, so do tokens below it, together: $σ$ is
# correlated over as many tokens as the latent rules. In mean field the tree is a branching process of nodes that are kept or changed,
# and two leaves whose lowest common ancestor has level $ℓ$ have
#
# $$C(ℓ) = \big[M_ℓ A_ℓ + (1 - M_ℓ A_ℓ) B_{2,ℓ} - M_{ℓ-1}^2\big]\prod_{k<ℓ}λ_k^2, \qquad λ_k = A_k (1 - B_k),$$
#
# where $A$ is the chance that a kept parent takes its true rule and $B$ that a child is kept all the same if it does not. Far from the
# transition $λ$ tends to $1/s$ or to $1/m$. At the transition it is the same number at every level, $s\,λ_* = F'(p_*)$, and $C$ decays as a power
# of the distance.

# %%
sizes = dict(blocks=blocks, grammars=grammars, strings=block_strings)
asked = plans.block_cells(vocab, rules, depths=block_depths, noises=block_noises, **sizes)
changes = sweep(block_cells.epsilon_blocks, asked, device=device)
shown = block_measures.correlation_table(changes)
theory = dict(by="noise_name", theory="mean_field_correlation")
figure(
    "phase_transition-correlations",
    curves(shown, x="distance", y="correlation", log="xy", **theory, **size),
    PowerLaw(-float(points.correlation_exponent[0]), "$r^{-η}$"),
    caption="Correlation of the changes of two tokens against their distance on the tree: a power law at the transition only.",
    alt="On logarithmic axes one curve, that of the noise at the transition, is a straight line of the slope that is drawn above it; "
    "those of less and of more noise bend down below it. Dashed lines of the theory run through the markers.",
)

# %%
claims.report("phase_transition.correlations", block_measures.correlation_deviation(changes))
claims.report("phase_transition.power-law", block_measures.correlation_slope_ratio(changes, points))

# %% [markdown]
# The largest distance from mean field is {claim}`phase_transition.correlations`; the exponent at the transition is
# {claim}`phase_transition.power-law`. Summed over all pairs, the correlations say how many tokens change together,
# $χ = \sum_{ij} C_{ij}/\sum_i C_{ii}$. It diverges with the depth if $F'(p_*)^2/s > 1$, as it is here, and so it does slowly.

# %%
peaks = sweep(theory_cells.susceptibility_peak, plans.peak_cells(vocab, rules, depths=block_depths))
shown = block_measures.susceptibility_table(changes)
figure(
    "phase_transition-susceptibility",
    curves(shown, x="noise", y="susceptibility", by="depth_name", theory="mean_field_susceptibility", **size),
    caption="How many tokens change together, against the noise, for trees of several depths.",
    alt="Curves with a peak at the same noise, near three quarters, which is the higher the deeper the tree; dashed lines of the theory "
    "run through the markers.",
)

# %%
for level in (4, 6, 8):
    ratio = block_measures.peak_height_ratio(changes, depth=level)
    claims.report(f"phase_transition.peak-height-{level}", ratio)
deepest = max(block_depths)
claims.report("phase_transition.peak-place", block_measures.peak_place_ratio(changes, peaks, depth=deepest))
claims.report("phase_transition.growth", block_measures.peaks_by_depth(changes))

# %% [markdown]
# The peak is as high as mean field has it, {claim}`phase_transition.peak-height-4`, {claim}`phase_transition.peak-height-6` and
# {claim}`phase_transition.peak-height-8` for depths 4, 6 and 8, and it stands where the class is lost,
# {claim}`phase_transition.peak-place`. It grows with the depth: {claim}`phase_transition.growth`.
#
# Masking has such a peak too, lower, at its own transition:

# %%
asked = plans.block_cells(vocab, rules, depths=block_depths, noises=mask_noises, channel="mask", **sizes)
masked = sweep(block_cells.channel_blocks, asked, device=device)
shown = block_measures.susceptibility_table(masked)
figure(
    "phase_transition-masking",
    curves(shown, x="noise", y="susceptibility", by="depth_name", labels={"noise": "masked fraction $t$"}, **size),
    caption="How many tokens change together under masking.",
    alt="Curves with a broad peak between a fifth and a third of masked tokens, higher and narrower for deeper trees.",
)
claims.report("phase_transition.mask-peak-place", block_measures.peak_place(masked, depth=deepest))
claims.report("phase_transition.mask-peak-height", block_measures.peak_height(masked, depth=deepest))

# %% [markdown]
# at {claim}`phase_transition.mask-peak-place`, of height {claim}`phase_transition.mask-peak-height`.
#
# ## And without a hierarchy?
#
# Is a peak of $χ$ a sign of hierarchy, or does every text with correlations have one? A chain in which a token repeats the one before
# with probability $ρ$ is restored exactly as well, by filtering forwards and drawing backwards. With all masked, the restored chain and
# the original are independent; they agree at both of two sites, beyond chance, if neither was renewed in between, so that
# $C(r)/C(0) = ρ^{2r}$ and $χ = (1+ρ^2)/(1-ρ^2)$.

# %%
sizes = dict(blocks=text_blocks, grammars=grammars, strings=block_strings)
asked = plans.text_cells(vocab, rules, depths=text_depths, noises=text_noises, **sizes)
texts = sweep(text_cells.text_blocks, asked, device=device)
shown = block_measures.text_table(texts)
by_text = dict(by="text_name", panels="length", labels={"noise": "masked fraction $t$"})
figure(
    "phase_transition-text",
    curves(shown, x="noise", y="susceptibility", **by_text, size=(7.4, 3.2)),
    caption="How many tokens change together in masked text: of a grammar, of a chain, and of independent tokens.",
    alt="The curve of the grammar rises to a maximum near a quarter of masked tokens and falls again, higher in the longer texts; that of "
    "the chain rises up to nearly the end, to the same height in both; that of independent tokens stays at one.",
)

# %%
tokens = block_measures.susceptibility_at(texts, text="tokens", noise=0.3)
claims.report("phase_transition.text-tokens", tokens)
claims.report("phase_transition.text-chain-limit", block_measures.limit_ratio(texts))
claims.report("phase_transition.text-chain", block_measures.growth_with_length(texts, text="chain"))
claims.report("phase_transition.text-growth", block_measures.growth_with_length(texts, text="grammar"))
claims.report("phase_transition.text-grammar", block_measures.last_over(texts, text="grammar"))

# %% [markdown]
# Independent tokens change on their own, {claim}`phase_transition.text-tokens`. A chain of which all is hidden has the blocks of two chains
# that agree by chance, {claim}`phase_transition.text-chain-limit`. They are a little larger just below $t = 1$: a token that is still seen
# is where both chains agree for sure, and the block around it reaches out to both sides. So a maximum inside does not speak of a
# hierarchy by itself. What does is that the blocks of a chain are the same however long the text ({claim}`phase_transition.text-chain`),
# while those of the grammar grow with it ({claim}`phase_transition.text-growth`), at a noise where most tokens are still seen; beyond,
# the class is new anyway, its parts are drawn one by one, and the blocks shrink ({claim}`phase_transition.text-grammar`).
#
# ## What it means, and what it does not
#
# A model that denoises hierarchical data perfectly has a noise below which it edits, and above which it invents. Experiments that noise
# and restore images with trained models find the same signs {cite}`sclocchi2025phase`; here everything is exact, for one family of
# grammars, and the denoiser is given the rules. What a network must see to *learn* them is the subject of the next chapter. The theory
# is one of the simplified process: that it is right to a per cent there says nothing about the $t$ at which a mask loses the class.
#
# ## What the run says

# %%
claims.scoreboard("phase_transition")

# %% [markdown]
# ## Try it
#
# 1. *Other grammars.* `quire run phase_transition --profile book -p vocab=24 -p rules=6`: other $p_*$ and $ε_*$, the same laws.
# 2. *Blocks that stay small.* `quire run phase_transition --profile book -p vocab=16 -p rules=4 -p block_noises='[0.6,0.7,0.76,0.78,0.8,0.82,0.84,0.9]'`:
#    $F'(p_*)^2/s < 1$, and the peaks of the two deeper trees come closer to one another.
# 3. *Too few rules for a sharp step.* `-p rules=2`: $F'(p_*)$ is close to one, and the class of a tree of depth eight fades over a range of ε.
