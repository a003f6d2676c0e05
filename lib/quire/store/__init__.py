"""Finished work on disk: cells (rows) and tensors, found by the hash of function, arguments and code."""

from quire.store.content import load_content, save_content
from quire.store.keys import as_json, key_of
from quire.store.published import published_cells
from quire.store.store import Kept, Store

__all__ = ["Kept", "Store", "as_json", "key_of", "load_content", "published_cells", "save_content"]
