/**
 * Training, one optimizer step at a time (paper, section 4.2): read a segment of every row, predict, backpropagate, update.
 *
 * A trainer holds everything that a step changes: parameters, moments, contexts and memories, the place in the data, the
 * generator. If all of it is saved and restored, training continues with bit-identical results. run.ts evaluates, and writes
 * files.
 */
import { add } from "../autodiff/ops/elementwise.ts";
import { crossEntropy } from "../autodiff/ops/loss.ts";
import { assertFiniteTape, backward, NotFiniteError, step } from "../autodiff/tape.ts";
import type { Tensor } from "../autodiff/tensor.ts";
import { check, instance } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { allOrNothing, Lifetime } from "../base/lifetime.ts";
import { perplexityOf } from "../base/perplexity.ts";
import { Random } from "../base/random.ts";
import { type Batch, TrainingBatches } from "../data/batches.ts";
import type { TokenizedDocument } from "../data/corpus.ts";
import { someDocuments } from "../data/documents.ts";
import type { StoredTensor } from "../formats/safetensors.ts";
import { TensorReader } from "../formats/tensor-reader.ts";
import type { ModelState } from "../model/state.ts";
import { Transformer } from "../model/transformer.ts";
import { aTrainableModel, type TrainableModel, type TrainingState } from "../nn/language-model.ts";
import { type SegmentInput, segmentOf } from "../nn/segment.ts";
import { heap, kernels } from "../wasm/runtime.ts";
import { GateMeans } from "./gate-means.ts";
import { clipGradients, type Optimizer } from "./optimizers.ts";
import { parseTrainingOptions, type TrainingOptions } from "./options.ts";
import type { Schedule } from "./schedules.ts";
import { keyCosines } from "./staleness.ts";
import { optimizerFor, scheduleFor } from "./trainer-parts.ts";
import { parseTrainerRecord, type TrainerRecord } from "./trainer-record.ts";

/** The metrics of one step. */
export interface StepMetrics {
  /** Steps done, including this one. */
  readonly step: number;
  /** Mean over this step's predictions, nats. */
  readonly loss: number;
  /** exp(loss), at most the largest number there is */
  readonly perplexity: number;
  /** Tokens predicted in this step. */
  readonly tokens: number;
  /** Tokens predicted in a second of this step. */
  readonly tokensPerSecond: number;
  /** Learning rate after schedule and warm-up. */
  readonly learningRate: number;
  /** Norm of the gradients before clipping. */
  readonly gradientNorm: number;
  /**
   * Mean gate of each memory layer, which is the memory's share in a head's result. Only queries that retrieved something
   * count; [] if there were none.
   */
  readonly gates: readonly number[];
  /** Mean fill of the memories, 0 to 1; 0 without memories. */
  readonly memoryFill: number;
  /** Seconds of all steps so far, including those before a resume. */
  readonly seconds: number;
  /** Seconds that the remaining steps will take at the mean speed so far. */
  readonly secondsLeft: number;
  /** Every `stalenessEvery` steps: cosine between remembered and present keys by age in segments, see staleness.ts. */
  readonly keyCosines?: readonly number[];
}

const savedTensors = instance(TensorReader, "the tensors that loadCheckpoint read");

/** Trains a model on documents, one optimizer step at a time. M: the kind of the model. */
export class Trainer<M extends TrainableModel = TrainableModel> {
  /** The model in training. */
  readonly model: M;
  /** The options of the run. */
  readonly options: TrainingOptions;
  /** Contexts and memories: one state for each batch whose gradients a step sums. */
  private readonly states: readonly TrainingState[];
  private readonly documents: readonly TokenizedDocument[];
  private readonly batches: TrainingBatches;
  private readonly optimizer: Optimizer;
  private readonly schedule: Schedule;
  /** Draws the keys of the dropout. */
  private random: Random;
  private seconds = 0;
  private readonly life = new Lifetime("this Trainer");

  /**
   * Trains `model` on `documents`, which must have its vocabulary. Missing options have their default.
   * @throws InputError for an impossible option
   */
  constructor(model: M, documents: readonly TokenizedDocument[], options: Partial<TrainingOptions> = {}) {
    check("model", model, aTrainableModel);
    check("documents", documents, someDocuments);
    this.model = model;
    this.options = parseTrainingOptions(options, "training options");
    const { batchSize, gradientAccumulation, stalenessEvery, seed } = this.options;
    if (stalenessEvery > 0) ownModel(model);
    const rows = batchSize * gradientAccumulation;
    this.documents = documents;
    [this.states, this.batches, this.optimizer] = allOrNothing((own) => {
      const states = Array.from({ length: gradientAccumulation }, () => own(model.newState({ rows: batchSize })));
      const [{ segmentLength }] = states;
      const batches = new TrainingBatches(documents, { rows, segmentLength, seed });
      return [states, batches, own(optimizerFor(model.parameters, this.options))];
    });
    this.schedule = scheduleFor(this.options);
    this.random = new Random(seed);
  }

  /** Steps done. */
  get step(): number {
    return this.optimizer.steps;
  }

  /** Whether the last step is done. */
  get done(): boolean {
    return this.step >= this.options.steps;
  }

  /**
   * Reads the next segment of every row and moves the parameters once.
   * @throws InputError that names step and op if a number is not finite. The parameters are unchanged, unless the update itself
   * produced the bad number. The trainer must not be used again.
   */
  trainStep(): StepMetrics {
    this.life.require();
    const start = performance.now();
    const batch = this.batches.next();
    const tokens = batch.lengths.reduce((sum, length) => sum + length, 0);
    this.model.parameters.zeroGradients();
    let loss = 0;
    const gates = new GateMeans();
    for (const index of this.states.keys()) loss += this.accumulate(batch, index, tokens, gates);
    const gradientNorm = clipGradients(this.model.parameters.blocks, this.options.clipNorm || Infinity);
    const learningRate = this.options.learningRate * this.schedule(this.step + 1);
    this.optimizer.step(learningRate);
    this.requireFiniteParameters();
    const seconds = (performance.now() - start) / 1000;
    this.seconds += seconds;
    return {
      step: this.step,
      loss,
      perplexity: perplexityOf(loss),
      tokens,
      tokensPerSecond: tokens / seconds,
      learningRate,
      gradientNorm,
      gates: gates.byLayer(),
      memoryFill: this.memoryFill(),
      seconds: this.seconds,
      secondsLeft: (this.seconds / this.step) * Math.max(0, this.options.steps - this.step),
    };
  }

  /** Returns the mean cosines between remembered keys and present ones, by age; see staleness.ts. Changes nothing. */
  keyCosines(): number[] {
    this.life.require();
    const model = ownModel(this.model);
    const [state] = this.states as readonly ModelState[]; // the rows of other batches are as old
    const { places } = this.batches.state();
    const readings = places.slice(0, state.rows).map((place) => {
      return place === null ? undefined : { tokens: this.documents[place.document].tokens(), end: place.offset };
    });
    return keyCosines(model, state, readings);
  }

  /** Runs forward and backward for state `index`. Returns its share of the mean loss over all `tokens` of the step. */
  private accumulate(batch: Batch, index: number, tokens: number, gates: GateMeans): number {
    const { targets, ...segment } = segmentOf(batch, index * this.options.batchSize, this.options.batchSize);
    const dropoutKey = this.random.uint32();
    const reach = this.drawReach();
    return step(() => {
      const observe = gates.observe.bind(gates);
      const own: Tensor[] = []; // losses of a mechanism's own
      const input = { ...segment, reach, dropoutKey, observe, auxiliary: (loss: Tensor) => void own.push(loss) };
      const logits = this.forward(input, this.states[index]); // [B, T, V]
      const { loss, count } = crossEntropy(logits, targets);
      const total = own.reduce(add, loss);
      backward(total, [count / tokens]);
      this.requireFinite(total.item());
      return loss.item() * (count / tokens);
    });
  }

  /** Draws from `memorySizes` how far each row may look back in this step; undefined if the list is empty. */
  private drawReach(): number[] | undefined {
    const { memorySizes, batchSize } = this.options;
    if (memorySizes.length === 0) return undefined;
    return Array.from({ length: batchSize }, () => memorySizes[this.random.uint32() % memorySizes.length]);
  }

  /** Returns the logits [B, T, V]. If a number is not finite, the tape tells which op produced it. */
  private forward(input: SegmentInput, state: TrainingState): Tensor {
    try {
      return this.model.forward(input, state);
    } catch (error) {
      if (error instanceof NotFiniteError) this.stop();
      throw error;
    }
  }

  /** Checks loss and gradients within the step, while the tape can still tell which op is to blame. */
  private requireFinite(loss: number): void {
    const { parameters } = this.model;
    const gradients = parameters.blocks.every((block) => kernels.all_finite(block.gradients.ptr, block.size));
    if (!gradients || !Number.isFinite(loss)) this.stop();
  }

  /** Ends the training with a sentence that explains why. */
  private stop(): never {
    const advice = "try a lower learning rate or a longer warm-up";
    throw new InputError(`training stopped in step ${this.step + 1}: ${this.blame()}; ${advice}`);
  }

  /** Checks the parameters after the update, so that a checkpoint never holds one that is not finite. */
  private requireFiniteParameters(): void {
    const spoilt = this.model.parameters.blocks.find(({ values, size }) => !kernels.all_finite(values.ptr, size));
    if (spoilt === undefined) return;
    const culprit = `the update of the ${spoilt.group} made a parameter that is not finite`;
    throw new InputError(`training stopped in step ${this.step}: ${culprit}; try a lower learning rate`);
  }

  /** Names the op that produced the first number that is not finite. */
  private blame(): string {
    try {
      assertFiniteTape();
    } catch (error) {
      if (error instanceof NotFiniteError) return error.message;
      throw error;
    }
    return "the gradient of a parameter is not finite";
  }

  /** Mean fill of the memories, 0 to 1. */
  private memoryFill(): number {
    const memories = this.states.flatMap((state) => [...state.memories.values()]);
    const rows = Array.from({ length: this.options.batchSize }, (_, row) => row);
    const fills = memories.flatMap((memory) => rows.map((row) => memory.length(row) / memory.size));
    return fills.reduce((sum, fill) => sum + fill, 0) / Math.max(1, fills.length);
  }

  /**
   * Copies everything except the parameters that is needed to continue later.
   * @throws InputError if a moment is not finite, which only unclipped gradients beyond 10¹⁹ can cause
   */
  save(): { record: TrainerRecord; tensors: Map<string, StoredTensor> } {
    this.life.require();
    const { step, seconds, options } = this;
    const record = { step, seconds, options, random: this.random.state(), batches: this.batches.state() };
    const tensors = new Map(this.states.flatMap((state, index) => [...state.save(`state.${index}.`)]));
    for (const [name, { shape, ptr, size }] of this.optimizer.state()) {
      if (!kernels.all_finite(ptr, size)) {
        throw new InputError(
          `training stopped in step ${step}: the optimizer's ${name} is not finite; clip the gradients`,
        );
      }
      tensors.set(`optimizer.${name}`, { dtype: "F32", shape, data: heap.f32(ptr, size).slice() });
    }
    return { record, tensors };
  }

  /**
   * Restores a trainer that was saved with the same documents and the same options. Later results are bit-identical.
   * @throws InputError if documents, options or tensors do not fit
   */
  load(record: TrainerRecord, tensors: TensorReader): void {
    this.life.require();
    parseTrainerRecord(record, "record");
    check("tensors", tensors, savedTensors);
    this.batches.restore(record.batches);
    for (const [index, state] of this.states.entries()) state.load(tensors, `state.${index}.`);
    for (const [name, moment] of this.optimizer.state()) moment.set(tensors.floats(`optimizer.${name}`, moment.shape));
    tensors.end();
    this.optimizer.steps = record.step;
    this.seconds = record.seconds;
    this.random = Random.from(record.random);
  }

  /** Frees everything but the model; the trainer must not be used afterwards. */
  release(): void {
    this.life.end(() => {
      for (const state of this.states) state.release();
      this.optimizer.release();
    });
  }

  /** Releases it, at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.release();
  }
}

/** The model, if it is one of this program. Throws an InputError for another one: only of ours is it known how old a key is. */
function ownModel(model: TrainableModel): Transformer {
  if (model instanceof Transformer) return model;
  throw new InputError(
    "stalenessEvery: the staleness of a memory is measured in models of this program only; leave it 0",
  );
}
