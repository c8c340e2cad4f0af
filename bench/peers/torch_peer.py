"""PyTorch: products, row kernels, ops of mechanisms, a feed-forward block, search by product and topk, whole training and generation steps.

`torch` is eager, `torch-compile` compiles what it computes to C++, `torch-bf16` is eager with products in bfloat16.
"""
import re
import shutil

import torch
import torch.nn.functional as F

from serve import impl, require_threads, serve, threads
from torch_model import FixedReader, Model, Reader, rms_norm


def solve(family, op, sizes, inputs):
    inputs = [torch.from_numpy(values) for values in inputs]
    if op == "training step":
        return training(sizes, *inputs)
    if op == "generation":
        return generation(sizes, *inputs)
    if op == "block mask and its gradients":
        return masked(sizes, *inputs)
    if op == "forward and backward":
        return feed_forward(sizes, *inputs)
    if "·" in op:
        return product(op, sizes, *inputs)
    if family == "topk":
        return search(sizes, *inputs) if op == "search" else None
    if family == "lstm":
        return lstm(sizes, *inputs)
    if family == "linear":
        return mechanism(op, sizes, *inputs)
    return rows(op, sizes, *inputs)


def optimised(compute):
    """Returns `compute` as this peer runs it."""
    if impl == "torch-compile":
        return torch.compile(compute, dynamic=False)
    if impl == "torch-bf16":
        return torch.autocast("cpu", torch.bfloat16)(compute)
    return compute


def task(compute):
    latest = [None]

    def run():
        latest[0] = compute()

    return run, lambda: latest[0].detach().float().numpy()


def product(op, sizes, a, b):
    batch, m, k, n = (sizes[name] for name in ("batch", "m", "k", "n"))
    lead = () if batch == 1 else (batch,)
    a = a.view(*lead, k, m).mT if op == "Aᵀ·B" else a.view(*lead, m, k)
    b = b.view(*lead, n, k).mT if op in ("A·Bᵀ", "x·Wᵀ") else b.view(*lead, k, n)
    if impl == "torch-bf16":
        # As a model that keeps its weights so: conversion is not a part of the product.
        a, b = a.bfloat16(), b.bfloat16()
    return task(torch.no_grad()(lambda: torch.matmul(a, b)))


def rows(op, sizes, x, *rest):
    x = x.view(sizes["rows"], sizes["width"])
    if op == "RMSNorm and its gradients":
        return rms_norm_gradients(x, *rest)
    if op == "Adam":
        return adam(x, *rest) if impl == "torch" else None
    targets = torch.arange(sizes["rows"]) % sizes["width"]
    operations = {
        "softmax": lambda: torch.softmax(x, 1),
        "RMSNorm": lambda: rms_norm(x, *rest),
        "L2 norm": lambda: F.normalize(x, dim=1, eps=1e-6),
        "GELU": lambda: F.gelu(x, approximate="tanh"),
        "cross entropy": lambda: F.cross_entropy(x, targets).view(1),
    }
    if op not in operations:
        return None
    return task(torch.no_grad()(optimised(operations[op])))


def rms_norm_gradients(x, scale, dy):
    x.requires_grad_()
    scale.requires_grad_()
    norm = optimised(rms_norm)
    return task(lambda: torch.autograd.grad(norm(x, scale), (x, scale), dy.view_as(x))[0])


def adam(values, gradients):
    values.grad = gradients.view_as(values)
    optimizer = adam_w([values], 1e-3)
    optimizer.step()
    stepped = values.clone()
    return optimizer.step, stepped.numpy


def adam_w(parameters, learning_rate):
    """Returns AdamW without decay, in one pass over all parameters where this version of torch has that for CPUs."""
    fused = version_of_torch() >= (2, 4)
    return torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=0, **({"fused": True} if fused else {}))


def version_of_torch():
    return tuple(int(part) for part in torch.__version__.split(".")[:2])


def mechanism(op, sizes, x, *rest):
    """Heads come first within the ops, and after the tokens in their operands."""
    heads, width = sizes["heads"], sizes["width"]

    def by_head(values):
        return values.view(-1, heads, width).transpose(0, 1)  # [H, T, D]

    def by_token(values):
        return values.transpose(0, 1).reshape(-1)

    if op == "linear attention and its gradients":
        leaves = [values.clone().requires_grad_() for values in (x, *rest[:2])]
        compute = optimised(lambda: by_token(linear_attention(*(by_head(leaf) for leaf in leaves))))
        return task(lambda: torch.cat(torch.autograd.grad(compute(), leaves, rest[2])))
    if op == "cells":
        seen = sizes["cells"] // 2 + 1 + torch.arange(sizes["tokens"])
        mask = torch.arange(sizes["cells"]) < seen[:, None]
        operations = {op: lambda: by_token(F.scaled_dot_product_attention(*(by_head(y) for y in (x, *rest)), mask))}
    else:
        operations = {
            "linear attention": lambda: by_token(linear_attention(*(by_head(values) for values in (x, *rest)))),
            "random features": lambda: random_features(x.view(-1, width), rest[0].view(-1, width)).view(-1),
            "pooled blocks": lambda: (rest[0].view(-1, sizes["block"]) @ x.view(-1, sizes["block"], heads * width)).view(-1),
        }
    if op not in operations:
        return None
    return task(torch.no_grad()(optimised(operations[op])))


def lstm(sizes, x, *rest):
    """A layer without biases; its blocks are in our order, i, f, g, o."""
    width = sizes["width"]
    layer = torch.nn.LSTM(width, width, bias=False, batch_first=True)
    x = x.view(sizes["rows"], sizes["tokens"], width)
    with torch.no_grad():
        for weight, values in zip((layer.weight_ih_l0, layer.weight_hh_l0), rest):
            weight.copy_(values.view(4 * width, width))
    compute = optimised(lambda values: layer(values)[0])
    if len(rest) == 2:
        return task(torch.no_grad()(lambda: compute(x).reshape(-1)))
    leaves = [x.requires_grad_(), layer.weight_ih_l0, layer.weight_hh_l0]
    dout = rest[2].view_as(x)
    return task(lambda: torch.cat([grad.reshape(-1) for grad in torch.autograd.grad(compute(x), leaves, dout)]))


def linear_attention(q, k, v):
    """Sums of products of features [H, T, F] with values [H, T, D], divided by their denominators, in chunks as ours."""
    ones = torch.ones(*v.shape[:-1], 1)
    q, k, v = (values.unflatten(1, (-1, 64)) for values in (q, k, torch.cat((v, ones), -1)))
    written = k.mT @ v
    before = written.cumsum(1) - written
    y = q @ before + (q @ k.mT).tril() @ v
    return (y[..., :-1] / (y[..., -1:] + 1)).flatten(1, 2)


def random_features(x, projection):
    exponents = x @ projection.t() - x.square().sum(1, keepdim=True) / 2
    return exponents.exp() / len(projection) ** 0.5


def feed_forward(sizes, *inputs):
    rows, width, hidden = sizes["rows"], sizes["width"], sizes["hidden"]
    shapes = (rows, width), (width,), (hidden, width), (width, hidden), (rows, width)
    *leaves, dy = [values.view(shape) for values, shape in zip(inputs, shapes)]
    x, scale, up, down = [leaf.requires_grad_() for leaf in leaves]
    latest = [None]
    block = optimised(lambda: x + F.relu(rms_norm(x, scale) @ up.t()) @ down.t())

    def run():
        latest[0] = torch.autograd.grad(block(), leaves, dy)

    return run, lambda: torch.cat([gradient.reshape(-1) for gradient in latest[0]]).numpy()


def masked(sizes, *inputs):
    """Attention with a mask of truths, as scaled_dot_product_attention takes it."""
    segment, heads, width = sizes["segment"], sizes["heads"], sizes["width"]
    q, k, v, dout = [values.view(1, segment, heads, width).transpose(1, 2) for values in inputs]
    leaves = [leaf.requires_grad_() for leaf in (q, k, v)]
    token = torch.arange(segment)
    block = token // sizes["block"]
    near = block[:, None] - block[None, :] <= sizes["window"]
    mask = (token[:, None] >= token[None, :]) & (near | (block[None, :] == 0))
    latest = [None]
    attend = optimised(lambda: F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=1.0))

    def run():
        latest[0] = torch.autograd.grad(attend(), leaves, dout)

    return run, lambda: torch.cat([gradient.transpose(1, 2).reshape(-1) for gradient in latest[0]]).numpy()


def search(sizes, keys, queries):
    keys, queries = keys.view(-1, sizes["depth"]), queries.view(-1, sizes["depth"])
    return task(lambda: torch.topk(queries @ keys.t(), sizes["neighbours"], sorted=False).indices.float())


def training(sizes, tokens, values):
    """The result is the losses of the first three steps."""
    model = Model(sizes, values)
    optimizer = adam_w(list(model.parameters.values()), sizes["learningRate"])
    tokens = tokens.long()
    inputs, targets = tokens[:-1], tokens[1:]
    loss_of = optimised(lambda: F.cross_entropy(model.logits(inputs, model.attend_segment).float(), targets))

    def run():
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of()
        loss.backward()
        optimizer.step()
        return loss.item()

    losses = torch.tensor([run() for _ in range(3)])
    return run, losses.numpy


def generation(sizes, tokens, values):
    """A run reads a segment token by token; the result is the logits after the last one of the first run."""
    if impl == "torch-compile" and sizes["memory"] > 0:
        return None
    model = Model(sizes, values)
    reader = FixedReader(model, optimised) if impl == "torch-compile" else Reader(model)
    segments = tokens.long().view(-1, sizes["segment"])
    for segment in segments[:-1]:
        reader.read_segment(segment)

    def run():
        for token in segments[-1]:
            logits = reader.read_token(token)
        return logits

    first = run()
    return run, first.clone().numpy


def libraries():
    """Names the libraries that compute torch's products, and the level of SIMD of its own kernels."""
    config = torch.__config__.show()
    found = [re.search(pattern, config) for pattern in (r"(Math Kernel Library) Version (\S+?)-", r"(MKL-DNN) v(\S+)")]
    names = {"Math Kernel Library": "MKL", "MKL-DNN": "oneDNN"}
    parts = [f"{names[match[1]]} {match[2]}" for match in found if match]
    if hasattr(torch.backends, "cpu"):
        parts.append(torch.backends.cpu.get_cpu_capability())
    return ", ".join(parts) or re.search(r"BLAS_INFO=(\w+)", config)[1]


def compiler():
    """Names the C++ compiler of `torch-compile`; raises an error if there is none."""
    from torch._inductor.cpp_builder import get_cpp_compiler

    name = get_cpp_compiler()
    if shutil.which(name) is None:
        raise RuntimeError(f"torch-compile needs a C++ compiler, and {name} is not there")
    return name


torch.set_num_threads(threads)
require_threads(torch.get_num_threads(), "torch")
compiled = f", compiled by {compiler()}" if impl == "torch-compile" else ""
serve(f"{torch.__version__} ({libraries()}{compiled})", solve)
