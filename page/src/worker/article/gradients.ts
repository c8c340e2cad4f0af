/** Gradients that stop at the memory: one step of training without its update, and what each op of the memory layer got. */
import { backward, noGrad, step, type TapeEntry, type Tensor, tape } from "memorizing-transformer";
import type { TapedOp } from "../../engine/figures.ts";
import { asFloats, lossOf, stateOf } from "./layer.ts";
import type { Subject } from "./subject.ts";

/** Ops before the lookup and behind it that belong to the attention of its layer. */
const BEFORE = 6;
const BEHIND = 4;

export function gradientsFigure(subject: Subject) {
  const { model, ahead, remembered } = subject;
  const [layer] = model.config.memory_layers;
  const ids = ahead.subarray(0, model.config.segment_length + 1);
  const gate = model.parameters.get(`model.layers.${layer}.self_attn.memory_gate`);
  model.parameters.zeroGradients();
  using state = stateOf(subject);
  const { ops, before } = step(() => {
    const loss = lossOf(subject, state, ids);
    backward(loss);
    return { ops: opsAround(tape()), before: loss.item() };
  });
  const gateGradient = [...(gate.grad?.toArray() ?? [])];
  model.parameters.zeroGradients();
  const contents = remembered.layers.get(layer)!;
  const values = asFloats(contents.values).map((value) => -value);
  using turned = stateOf(subject, { keys: contents.keys, values });
  const after = step(() => noGrad(() => lossOf(subject, turned, ids).item()));
  return { ops, gate: gateGradient, before, after };
}

/** The ops of the memory layer's attention, in the order of the forward pass. */
function opsAround(entries: readonly TapeEntry[]): TapedOp[] {
  const lookup = entries.findIndex(({ op }) => op === "lookup");
  return entries.slice(lookup - BEFORE, lookup + BEHIND + 1).map(({ op, outputs: [output], backward }) => ({
    op,
    shape: output.shape,
    gradient: output.grad && normOf(output.grad),
    passes: backward !== undefined,
  }));
}

function normOf(tensor: Tensor): number {
  return Math.hypot(...tensor.toArray());
}
