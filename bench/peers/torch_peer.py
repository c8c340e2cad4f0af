"""PyTorch: row kernels, a feed-forward block, search by product and topk, whole training and generation steps."""
import torch
import torch.nn.functional as F

from serve import serve
from torch_model import Model, Reader, rms_norm


def solve(family, op, sizes, inputs):
    inputs = [torch.from_numpy(values) for values in inputs]
    if family == "step":
        return training(sizes, *inputs)
    if family == "generate":
        return generation(sizes, *inputs)
    if family == "ffn":
        return feed_forward(sizes, *inputs)
    if family == "topk":
        return search(sizes, *inputs) if op == "search" else None
    return rows(op, sizes, *inputs)


def task(compute):
    latest = [None]

    def run():
        latest[0] = compute()

    return run, lambda: latest[0].detach().numpy()


def rows(op, sizes, x, *rest):
    x = x.view(sizes["rows"], sizes["width"])
    if op == "RMSNorm and its gradients":
        return rms_norm_gradients(x, *rest)
    if op == "Adam":
        return adam(x, *rest)
    targets = torch.arange(sizes["rows"]) % sizes["width"]
    operations = {
        "softmax": lambda: torch.softmax(x, 1),
        "RMSNorm": lambda: rms_norm(x, *rest),
        "L2 norm": lambda: F.normalize(x, dim=1, eps=1e-6),
        "GELU": lambda: F.gelu(x, approximate="tanh"),
        "cross entropy": lambda: F.cross_entropy(x, targets).view(1),
    }
    return task(torch.no_grad()(operations[op]))


def rms_norm_gradients(x, scale, dy):
    x.requires_grad_()
    scale.requires_grad_()
    return task(lambda: torch.autograd.grad(rms_norm(x, scale), (x, scale), dy.view_as(x))[0])


def adam(values, gradients):
    values.grad = gradients.view_as(values)
    optimizer = torch.optim.Adam([values], lr=1e-3)
    optimizer.step()
    stepped = values.clone()
    return optimizer.step, stepped.numpy


def feed_forward(sizes, *inputs):
    rows, width, hidden = sizes["rows"], sizes["width"], sizes["hidden"]
    shapes = (rows, width), (width,), (hidden, width), (width, hidden), (rows, width)
    *leaves, dy = [values.view(shape) for values, shape in zip(inputs, shapes)]
    x, scale, up, down = [leaf.requires_grad_() for leaf in leaves]
    latest = [None]

    def run():
        y = x + F.relu(rms_norm(x, scale) @ up.t()) @ down.t()
        latest[0] = torch.autograd.grad(y, leaves, dy)

    return run, lambda: torch.cat([gradient.reshape(-1) for gradient in latest[0]]).numpy()


def search(sizes, keys, queries):
    keys, queries = keys.view(-1, sizes["depth"]), queries.view(-1, sizes["depth"])
    return task(lambda: torch.topk(queries @ keys.t(), sizes["neighbours"], sorted=False).indices.float())


def training(sizes, tokens, values):
    """The result is the losses of the first three steps."""
    model = Model(sizes, values)
    optimizer = torch.optim.Adam(model.parameters.values(), lr=sizes["learningRate"])
    tokens = tokens.long()

    def run():
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model.logits(tokens[:-1], model.attend_segment), tokens[1:])
        loss.backward()
        optimizer.step()
        return loss.item()

    losses = torch.tensor([run() for _ in range(3)])
    return run, losses.numpy


def generation(sizes, tokens, values):
    """A run reads a segment token by token; the result is the logits after the last one of the first run."""
    reader = Reader(Model(sizes, values))
    segments = tokens.long().view(-1, sizes["segment"])
    for segment in segments[:-1]:
        reader.read_segment(segment)

    def run():
        for token in segments[-1]:
            logits = reader.read_token(token)
        return logits

    first = run()
    return run, first.numpy


serve(torch.__version__, solve)
