"""Loads directories with the real `transformers`, and prints as JSON how far they are from what they should be.

Arguments: pairs of a directory that was written and what it is compared with. A directory: every parameter must have the same bits; a
.safetensors file with `tokens` and `logits`: the largest difference of the logits.
"""

import json
import sys

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM


def differing_bits(written, original):
    ours, theirs = (AutoModelForCausalLM.from_pretrained(path, dtype="auto").state_dict() for path in (written, original))
    if list(ours) != list(theirs):
        return sorted(set(ours) ^ set(theirs))
    return [name for name in ours if ours[name].dtype != theirs[name].dtype or not torch.equal(ours[name], theirs[name])]


def logit_difference(written, expected):
    golden = load_file(expected)
    model = AutoModelForCausalLM.from_pretrained(written, dtype=torch.float32).eval()
    with torch.no_grad():
        logits = model(golden["tokens"].long()).logits
    return (logits - golden["logits"]).abs().max().item()


def main(arguments):
    pairs = list(zip(arguments[::2], arguments[1::2]))
    compare = lambda written, other: (logit_difference if other.endswith(".safetensors") else differing_bits)(written, other)
    print(json.dumps([compare(*pair) for pair in pairs]))


main(sys.argv[1:])
