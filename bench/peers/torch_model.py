"""The model of the paper in PyTorch, as fast as its operators allow: the peer of a whole training or generation step.

One row (B = 1), no Transformer-XL cache, no dropout. Queries, keys and values come out of one product. `values` is
all parameters in one vector, in the order of the shapes below.
"""
import math

import torch
import torch.nn.functional as F


def shapes(sizes):
    """Yields (name, shape) of every parameter, in the library's order."""
    c, f, a = sizes["hidden"], sizes["feedForward"], sizes["heads"] * sizes["headDim"]
    yield "embedding", (sizes["vocabulary"], c)
    for layer in range(sizes["layers"]):
        yield f"{layer}.norm1", (c,)
        yield f"{layer}.qkv", (3 * a, c)
        yield f"{layer}.o", (c, a)
        yield f"{layer}.norm2", (c,)
        yield f"{layer}.up", (f, c)
        yield f"{layer}.down", (c, f)
        yield f"{layer}.scale", (sizes["heads"],)
        yield f"{layer}.bias", (sizes["heads"], 32)
        if layer == sizes["memoryLayer"]:
            yield f"{layer}.gate", (sizes["heads"],)
    yield "norm", (c,)


def bucket(distance):
    """Returns T5's bucket of a distance (ALGORITHM.md, section 2)."""
    if distance < 16:
        return distance
    return min(31, 16 + int(math.log(distance / 16) / math.log(128 / 16) * 16))


def rms_norm(x, scale):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * scale


class Model:
    def __init__(self, sizes, values):
        self.sizes = sizes
        self.parameters = {}
        start = 0
        for name, shape in shapes(sizes):
            count = math.prod(shape)
            self.parameters[name] = values[start : start + count].view(shape).clone().requires_grad_()
            start += count
        length = sizes["segment"]
        # [T, 32]: the bucket of each distance.
        self.bucket_of = F.one_hot(torch.tensor([bucket(n) for n in range(length)]), 32).float()
        # [H, T·T]: the distance of each query and key; T where a query must not see the key.
        i, j = torch.arange(length).view(-1, 1), torch.arange(length)
        distances = torch.where(j <= i, i - j, torch.tensor(length)).view(1, -1)
        self.distances = distances.expand(sizes["heads"], -1).contiguous()
        self.never = torch.full((sizes["heads"], 1), -math.inf)

    def logits(self, tokens, attend):
        """tokens [T] → [T, V]. `attend` takes (layer, q, k, v), [H, T, D] each, unit q and k, and returns [H, T, D]."""
        p = self.parameters
        heads = self.sizes["heads"]
        x = p["embedding"][tokens]
        for layer in range(self.sizes["layers"]):
            qkv = rms_norm(x, p[f"{layer}.norm1"]) @ p[f"{layer}.qkv"].t()
            q, k, v = qkv.view(len(tokens), 3, heads, -1).permute(1, 2, 0, 3)
            out = attend(layer, F.normalize(q, dim=-1, eps=1e-6), F.normalize(k, dim=-1, eps=1e-6), v)
            x = x + out.transpose(0, 1).reshape(len(tokens), -1) @ p[f"{layer}.o"].t()
            x = x + F.relu(rms_norm(x, p[f"{layer}.norm2"]) @ p[f"{layer}.up"].t()) @ p[f"{layer}.down"].t()
        return rms_norm(x, p["norm"]) @ p["embedding"].t() / math.sqrt(x.shape[-1])

    def steepness(self, layer):
        return self.parameters[f"{layer}.scale"].abs().view(-1, 1, 1)

    def bias_row(self, layer):
        """Returns the bias of a logit for each distance, [H, T]."""
        return self.steepness(layer)[:, 0] * (self.parameters[f"{layer}.bias"] @ self.bucket_of.t())

    def attend_segment(self, layer, q, k, v):
        """Causal attention within a whole segment."""
        length = q.shape[1]
        row = torch.cat([self.bias_row(layer), self.never], 1)
        bias = row.gather(1, self.distances).view(-1, length, length)
        return torch.softmax(torch.baddbmm(bias, q * self.steepness(layer), k.transpose(1, 2)), -1) @ v


class Reader:
    """Reads a document with a cache of the segment's keys and values, and a memory in one layer."""

    def __init__(self, model):
        self.model = model
        sizes = model.sizes
        shape = (sizes["layers"], sizes["heads"], sizes["segment"], sizes["headDim"])
        self.keys, self.values = torch.zeros(shape), torch.zeros(shape)
        self.offset = 0
        ring = (sizes["heads"], max(1, sizes["memory"]), sizes["headDim"])
        self.ring_keys, self.ring_values = torch.zeros(ring), torch.zeros(ring)
        self.written = 0
        with torch.no_grad():
            # [layers][H, T], largest distance first, so that the last p + 1 belong to position p.
            self.bias = [model.bias_row(layer).flip(1) for layer in range(sizes["layers"])]
            self.steepness = [model.steepness(layer) for layer in range(sizes["layers"])]

    @torch.inference_mode()
    def read_segment(self, tokens):
        self.model.logits(tokens, self.attend_whole)
        self.remember()

    @torch.inference_mode()
    def read_token(self, token):
        """Returns the logits [V] of the token after it."""
        logits = self.model.logits(token.view(1), self.attend_next)[0]
        self.offset += 1
        if self.offset == self.model.sizes["segment"]:
            self.remember()
            self.offset = 0
        return logits

    def attend_whole(self, layer, q, k, v):
        self.keys[layer], self.values[layer] = k, v
        return self.blend(layer, q, self.model.attend_segment(layer, q, k, v))

    def attend_next(self, layer, q, k, v):
        end = self.offset + 1
        self.keys[layer, :, self.offset], self.values[layer, :, self.offset] = k[:, 0], v[:, 0]
        keys, values = self.keys[layer, :, :end], self.values[layer, :, :end]
        bias = self.bias[layer][:, -end:].unsqueeze(1)
        logits = torch.baddbmm(bias, q * self.steepness[layer], keys.transpose(1, 2))
        return self.blend(layer, q, torch.softmax(logits, -1) @ values)

    def blend(self, layer, q, local):
        """Blends in the memory's answer through the gate."""
        sizes = self.model.sizes
        stored = min(self.written, sizes["memory"])
        if layer != sizes["memoryLayer"] or stored == 0:
            return local
        scores = q @ self.ring_keys[:, :stored].transpose(1, 2)
        best, slots = torch.topk(scores, min(sizes["neighbours"], stored), sorted=False)
        heads, queries, count = slots.shape
        weights = torch.softmax(best * self.steepness[layer], -1).unsqueeze(2)
        flat = slots.view(heads, -1, 1).expand(-1, -1, sizes["headDim"])
        values = self.ring_values.gather(1, flat).view(heads, queries, count, -1)
        gate = torch.sigmoid(self.model.parameters[f"{layer}.gate"]).view(-1, 1, 1)
        return gate * (weights @ values).squeeze(2) + (1 - gate) * local

    def remember(self):
        """Appends the whole segment to the memory, which drops its oldest segment when it is full."""
        sizes = self.model.sizes
        if sizes["memory"] == 0:
            return
        at = self.written % sizes["memory"]
        self.ring_keys[:, at : at + sizes["segment"]] = self.keys[sizes["memoryLayer"]]
        self.ring_values[:, at : at + sizes["segment"]] = self.values[sizes["memoryLayer"]]
        self.written += sizes["segment"]


class FixedReader:
    """Reads like `Reader` without memory, in shapes that never change, so that one compiled graph serves every token.

    The cache has its full length from the start; what lies ahead is masked by a bias of minus infinity.
    """

    def __init__(self, model, compile):
        self.model = model
        sizes = model.sizes
        self.length = sizes["segment"]
        shape = (sizes["layers"], sizes["heads"], self.length, sizes["headDim"])
        self.keys, self.values = torch.zeros(shape), torch.zeros(shape)
        self.offset = 0
        self.step = compile(self.next_logits)
        self.places = torch.arange(self.length)
        never = torch.full((sizes["heads"], self.length), -math.inf)
        with torch.no_grad():
            # [layers][H, T + T]: largest distance first, then the future. Position p sees T of them, from T - 1 - p on.
            self.bias = [torch.cat([model.bias_row(layer).flip(1), never], 1) for layer in range(sizes["layers"])]
            self.steepness = [model.steepness(layer) for layer in range(sizes["layers"])]

    @torch.no_grad()
    def read_token(self, token):
        """Returns the logits [V] of the token after it."""
        logits = self.step(token.view(1), self.places[self.offset].view(1))
        self.offset = (self.offset + 1) % self.length
        return logits

    def next_logits(self, token, place):
        def attend(layer, q, k, v):
            self.keys[layer].index_copy_(1, place, k)
            self.values[layer].index_copy_(1, place, v)
            bias = self.bias[layer].index_select(1, self.places + (self.length - 1 - place)).unsqueeze(1)
            logits = torch.baddbmm(bias, q * self.steepness[layer], self.keys[layer].transpose(1, 2))
            return torch.softmax(logits, -1) @ self.values[layer]

        return self.model.logits(token, attend)[0]
