/**
 * Training, one optimizer step at a time (paper, section 4.2): read a segment of every row, predict, go back, update.
 *
 * A trainer holds everything that a step changes: parameters, moments, contexts and memories, the place in the data, the
 * generator. Saving all of it and going on gives the same numbers as never having stopped. Evaluating, printing and
 * writing files is the business of run.ts.
 */
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
import type { ParameterGroup } from "../model/parameters.ts";
import { type SegmentInput, segmentOf } from "../model/segment.ts";
import type { ModelState } from "../model/state.ts";
import { aModel, type Transformer } from "../model/transformer.ts";
import { heap, kernels } from "../wasm/runtime.ts";
import { GateMeans } from "./gate-means.ts";
import { adafactor, adamW, clipGradients, type Optimizer } from "./optimizers.ts";
import { parseTrainingOptions, type TrainingOptions } from "./options.ts";
import { constant, cosine, rsqrt, type Schedule } from "./schedules.ts";
import { keyCosines } from "./staleness.ts";
import { parseTrainerRecord, type TrainerRecord } from "./trainer-record.ts";

/** What one step reports. */
export interface StepMetrics {
  /** Steps done, this one included. */
  readonly step: number;
  /** Mean over this step's predictions, nats. */
  readonly loss: number;
  /** exp(loss), at most the largest number there is */
  readonly perplexity: number;
  /** Tokens predicted in this step. */
  readonly tokens: number;
  /** Tokens predicted in a second of this step. */
  readonly tokensPerSecond: number;
  /** After schedule and warm-up. */
  readonly learningRate: number;
  /** Before clipping. */
  readonly gradientNorm: number;
  /**
   * Mean gate of each memory layer, the share of the memory in a head's answer, over the queries that retrieved something;
   * [] if none did.
   */
  readonly gates: readonly number[];
  /** How full the memories are on average, 0 to 1; 0 without any. */
  readonly memoryFill: number;
  /** Time in all steps so far, those before a resume included. */
  readonly seconds: number;
  /** What the remaining steps will take, if they are like the ones before. */
  readonly secondsLeft: number;
  /** Every `stalenessEvery` steps: cosine between remembered and present keys by age in segments, see staleness.ts. */
  readonly keyCosines?: readonly number[];
}

const savedTensors = instance(TensorReader, "the tensors that loadCheckpoint read");

/** Trains a model on documents, one optimizer step at a time. */
export class Trainer {
  /** The model that is trained. */
  readonly model: Transformer;
  /** What the run was told. */
  readonly options: TrainingOptions;
  /** Contexts and memories, one state for the rows of each batch whose gradients a step sums. */
  private readonly states: readonly ModelState[];
  private readonly documents: readonly TokenizedDocument[];
  private readonly batches: TrainingBatches;
  private readonly optimizer: Optimizer;
  private readonly schedule: Schedule;
  /** Draws the keys of the dropout. */
  private random: Random;
  private seconds = 0;
  private readonly life = new Lifetime("this Trainer");

  /**
   * Trains `model` on `documents`, which must be of its vocabulary. Options that are left out have their default.
   * @throws InputError for an option that cannot be
   */
  constructor(model: Transformer, documents: readonly TokenizedDocument[], options: Partial<TrainingOptions> = {}) {
    check("model", model, aModel);
    check("documents", documents, someDocuments);
    this.model = model;
    this.options = parseTrainingOptions(options, "training options");
    const { batchSize, gradientAccumulation, seed } = this.options;
    const rows = batchSize * gradientAccumulation;
    this.documents = documents;
    this.batches = new TrainingBatches(documents, { rows, segmentLength: model.config.segment_length, seed });
    [this.states, this.optimizer] = allOrNothing((own) => [
      Array.from({ length: gradientAccumulation }, () => own(model.newState({ rows: batchSize }))),
      own(makeOptimizer(model, this.options)),
    ]);
    this.schedule = makeSchedule(this.options);
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
   * @throws InputError that names step and op when a number is no longer finite. The parameters are then as they were, unless
   * their very update is to blame, and the trainer of no more use.
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

  /** How far the keys in the memories are from what the present weights make, by age; see staleness.ts. Changes nothing. */
  keyCosines(): number[] {
    this.life.require();
    const [state] = this.states; // the rows of other batches are as old
    const { places } = this.batches.state();
    const readings = places.slice(0, state.rows).map((place) => {
      return place === null ? undefined : { tokens: this.documents[place.document].tokens(), end: place.offset };
    });
    return keyCosines(this.model, state, readings);
  }

  /** Forward and backward of the rows of state `index`. Returns their share of the mean loss over all `tokens` of the step. */
  private accumulate(batch: Batch, index: number, tokens: number, gates: GateMeans): number {
    const { targets, ...segment } = segmentOf(batch, index * this.options.batchSize, this.options.batchSize);
    const dropoutKey = this.random.uint32();
    const reach = this.drawReach();
    return step(() => {
      const observe = gates.observe.bind(gates);
      const logits = this.forward({ ...segment, reach, dropoutKey, observe }, this.states[index]); // [B, T, V]
      const { loss, count } = crossEntropy(logits, targets);
      backward(loss, [count / tokens]);
      this.requireFinite(loss.item());
      return loss.item() * (count / tokens);
    });
  }

  /** How far each row may look back in this step, drawn from `memorySizes`; undefined if the list is empty. */
  private drawReach(): number[] | undefined {
    const { memorySizes, batchSize } = this.options;
    if (memorySizes.length === 0) return undefined;
    return Array.from({ length: batchSize }, () => memorySizes[this.random.uint32() % memorySizes.length]);
  }

  /** The logits [B, T, V]; if they are not even computed because of a number that is not finite, the tape knows whence it came. */
  private forward(input: SegmentInput, state: ModelState): Tensor {
    try {
      return this.model.forward(input, state);
    } catch (error) {
      if (error instanceof NotFiniteError) this.stop();
      throw error;
    }
  }

  /** Inside the step, while the tape can still tell which op is to blame. */
  private requireFinite(loss: number): void {
    const { parameters } = this.model;
    const gradients = parameters.blocks.every((block) => kernels.all_finite(block.gradients.ptr, block.size));
    if (!gradients || !Number.isFinite(loss)) this.stop();
  }

  /** Ends the training with the sentence that says why. */
  private stop(): never {
    const advice = "try a lower learning rate or a longer warm-up";
    throw new InputError(`training stopped in step ${this.step + 1}: ${this.blame()}; ${advice}`);
  }

  /** After the update, so that no checkpoint ever holds a parameter that is not finite. */
  private requireFiniteParameters(): void {
    const spoilt = this.model.parameters.blocks.find(({ values, size }) => !kernels.all_finite(values.ptr, size));
    if (spoilt === undefined) return;
    const culprit = `the update of the ${spoilt.group} made a parameter that is not finite`;
    throw new InputError(`training stopped in step ${this.step}: ${culprit}; try a lower learning rate`);
  }

  /** Names the op that made the first number that is not finite. */
  private blame(): string {
    try {
      assertFiniteTape();
    } catch (error) {
      if (error instanceof NotFiniteError) return error.message;
      throw error;
    }
    return "the gradient of a parameter is not finite";
  }

  /** How full the memories are on average, 0 to 1. */
  private memoryFill(): number {
    const memories = this.states.flatMap((state) => [...state.memories.values()]);
    const rows = Array.from({ length: this.options.batchSize }, (_, row) => row);
    const fills = memories.flatMap((memory) => rows.map((row) => memory.length(row) / memory.size));
    return fills.reduce((sum, fill) => sum + fill, 0) / Math.max(1, fills.length);
  }

  /**
   * All that must be kept to go on later, besides the parameters.
   * @throws InputError if a moment is not finite, which only gradients beyond 10¹⁹ that are not clipped can bring about
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
   * Goes on exactly where another trainer, with the same documents and the same options, was saved.
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

  /** Gives everything but the model's own memory back; the trainer must not be used afterwards. */
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

function makeOptimizer({ parameters }: Transformer, options: TrainingOptions): Optimizer {
  const { attentionRate, embeddingRate } = options;
  const rates = { embedding: embeddingRate, matrices: 1, norms: 1, attention: attentionRate };
  const lrScale = (group: ParameterGroup) => rates[group];
  if (options.optimizer === "adafactor") {
    const scaled = (name: string) => ({ name, tensor: parameters.get(name), lrScale: lrScale(parameters.group(name)) });
    return adafactor(parameters.names().map(scaled));
  }
  const trained = parameters.blocks.map((block) => ({
    ...block,
    lrScale: lrScale(block.group),
    weightDecay: block.group === "matrices" ? options.weightDecay : 0,
  }));
  const { beta1, beta2, eps } = options;
  return adamW(trained, { beta1, beta2, eps });
}

function makeSchedule({ schedule, steps, warmupSteps }: TrainingOptions): Schedule {
  switch (schedule) {
    case "constant":
      return constant(warmupSteps);
    case "cosine":
      return cosine(steps, warmupSteps);
    case "rsqrt":
      return rsqrt(warmupSteps);
  }
}
