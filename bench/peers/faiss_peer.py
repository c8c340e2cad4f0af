"""Faiss: `faiss-flat` scans all keys; `faiss-ivf` has inverted lists, their number usual for the number of keys."""
import math

import faiss
import numpy as np

from serve import impl, serve


def solve(family, op, sizes, inputs):
    keys = inputs[0].reshape(-1, sizes["depth"])
    index = flat(sizes) if impl == "faiss-flat" else inverted(sizes, keys)
    index.add(keys)
    if op == "update":
        return update(index, inputs[1].reshape(-1, sizes["depth"]), sizes)
    queries = inputs[1].reshape(-1, sizes["depth"])
    found = [None]

    def run():
        found[0] = index.search(queries, sizes["neighbours"])[1]

    return run, lambda: found[0].astype(np.float32)


def flat(sizes):
    return faiss.IndexFlatIP(sizes["depth"])


def inverted(sizes, keys):
    lists = sizes.get("lists", 2 * math.isqrt(sizes["keys"]))
    index = faiss.IndexIVFFlat(flat(sizes), sizes["depth"], lists, faiss.METRIC_INNER_PRODUCT)
    index.own_fields = False
    index.nprobe = sizes.get("faissProbes", 1)
    index.train(keys)
    return index


def update(index, incoming, sizes):
    oldest = [0]

    def run():
        count = len(incoming)
        index.remove_ids(faiss.IDSelectorRange(oldest[0], oldest[0] + count))
        index.add_with_ids(incoming, np.arange(count) + oldest[0] + sizes["keys"])
        oldest[0] += count

    return run, lambda: np.zeros(0)


serve(faiss.__version__, solve)
