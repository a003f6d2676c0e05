"""The Random Hierarchy Model: languages on trees, their data, their exact statistics and exact inference."""

from quire.hierarchy.clustering import clustering_error, first_step_response, synonym_clusters
from quire.hierarchy.collapse import Collapse, loss_collapse
from quire.hierarchy.correlations import (
    child_law,
    class_string_covariance,
    class_token_covariance,
    lca_level,
    node_joint,
    string_token_covariance,
    symbol_marginal,
    token_covariance,
)
from quire.hierarchy.dataset import HierarchyDataset
from quire.hierarchy.empirical import Correlation, last_token_correlations, pair_correlation, pair_counts
from quire.hierarchy.ensemble import (
    asymptotic_class_token,
    asymptotic_string_token,
    asymptotic_token_token,
    class_threshold,
    ensemble_class_string,
    ensemble_class_token,
    ensemble_token_token,
    mean_candidates,
    step_threshold,
)
from quire.hierarchy.evidence import leaf_evidence
from quire.hierarchy.formats import as_tuples, one_hot
from quire.hierarchy.grammar import RandomHierarchy, draw_rules
from quire.hierarchy.hierarchical_ngrams import HierarchicalNgram, exact_synonyms, infer_synonyms, reduced_context
from quire.hierarchy.inference import (
    leaf_marginals,
    log_likelihood,
    node_marginals,
    root_posterior,
)
from quire.hierarchy.last_token import conditional_entropies, divergence, last_subtree, last_token_posterior
from quire.hierarchy.latin import uncorrelated_hierarchy
from quire.hierarchy.ngrams import CountingNgram, num_contexts
from quire.hierarchy.parsing import Parse, is_grammatical, parse, string_codes, valid_fractions
from quire.hierarchy.permutation import permuted
from quire.hierarchy.posterior import TreePosterior, tree_posterior, tree_posteriors
from quire.hierarchy.posterior_draws import sample_nodes, sample_posterior
from quire.hierarchy.sampling import Samples, sample, sample_splits
from quire.hierarchy.sparse import SparseHierarchy, sample_sparse
from quire.hierarchy.synonyms import redraw_below, sensitivity, synonymic_sensitivity
from quire.hierarchy.text import encode_text, horizon, split_text, text_correlations, text_windows
from quire.hierarchy.trees import Trees, expand, index_from_trees, trees_from_index
from quire.hierarchy.varying import VaryingHierarchy, sample_varying, varying_log_likelihood, varying_text
from quire.hierarchy.zipf import oracle_error, zipf_law

__all__ = [
    "HierarchyDataset",
    "Collapse",
    "Correlation",
    "CountingNgram",
    "HierarchicalNgram",
    "Parse",
    "RandomHierarchy",
    "Samples",
    "SparseHierarchy",
    "TreePosterior",
    "Trees",
    "VaryingHierarchy",
    "as_tuples",
    "asymptotic_class_token",
    "asymptotic_string_token",
    "asymptotic_token_token",
    "child_law",
    "class_string_covariance",
    "class_threshold",
    "class_token_covariance",
    "clustering_error",
    "conditional_entropies",
    "divergence",
    "draw_rules",
    "encode_text",
    "ensemble_class_string",
    "ensemble_class_token",
    "ensemble_token_token",
    "exact_synonyms",
    "expand",
    "first_step_response",
    "horizon",
    "index_from_trees",
    "infer_synonyms",
    "is_grammatical",
    "last_subtree",
    "last_token_correlations",
    "last_token_posterior",
    "lca_level",
    "leaf_evidence",
    "leaf_marginals",
    "log_likelihood",
    "loss_collapse",
    "mean_candidates",
    "node_joint",
    "node_marginals",
    "num_contexts",
    "one_hot",
    "oracle_error",
    "pair_correlation",
    "pair_counts",
    "parse",
    "permuted",
    "redraw_below",
    "reduced_context",
    "root_posterior",
    "sample",
    "sample_nodes",
    "sample_posterior",
    "sample_sparse",
    "sample_splits",
    "sample_varying",
    "sensitivity",
    "split_text",
    "step_threshold",
    "string_codes",
    "string_token_covariance",
    "symbol_marginal",
    "synonym_clusters",
    "synonymic_sensitivity",
    "text_correlations",
    "text_windows",
    "token_covariance",
    "tree_posterior",
    "tree_posteriors",
    "trees_from_index",
    "uncorrelated_hierarchy",
    "valid_fractions",
    "varying_log_likelihood",
    "varying_text",
    "zipf_law",
]
