/** What ends a training whose numbers are not finite: a sentence that names the step, and the op that is to blame. */
import { assertFiniteTape, NotFiniteError } from "../autodiff/tape.ts";
import { InputError } from "../base/errors.ts";
import type { Parameters } from "../nn/parameters.ts";
import { kernels } from "../wasm/runtime.ts";

/** Checks loss and gradients of step `number` within the step, while the tape can still tell which op is to blame. */
export function requireFiniteGradients(parameters: Parameters, loss: number, number: number): void {
  const gradients = parameters.blocks.every((block) => kernels.all_finite(block.gradients.ptr, block.size));
  if (!gradients || !Number.isFinite(loss)) stopTraining(number);
}

/** Ends the training with a sentence that explains why. */
export function stopTraining(number: number): never {
  const advice = "try a lower learning rate or a longer warm-up";
  throw new InputError(`training stopped in step ${number}: ${blame()}; ${advice}`);
}

/** Checks the parameters after the update of step `number`, so that a checkpoint never holds one that is not finite. */
export function requireFiniteParameters({ blocks }: Parameters, number: number): void {
  const spoilt = blocks.find(({ values, size }) => !kernels.all_finite(values.ptr, size));
  if (spoilt === undefined) return;
  const culprit = `the update of the ${spoilt.group} made a parameter that is not finite`;
  throw new InputError(`training stopped in step ${number}: ${culprit}; try a lower learning rate`);
}

/** Names the op that produced the first number that is not finite. */
function blame(): string {
  try {
    assertFiniteTape();
  } catch (error) {
    if (error instanceof NotFiniteError) return error.message;
    throw error;
  }
  return "the gradient of a parameter is not finite";
}
