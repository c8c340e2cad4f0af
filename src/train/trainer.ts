/**
 * Training, one optimizer step at a time (paper, section 4.2): read a segment of every row, predict, backpropagate, update.
 *
 * A trainer holds everything that a step changes: parameters, moments, contexts and memories, the place in the data, the
 * generator. If all of it is saved and restored, training continues with bit-identical results. run.ts evaluates, and writes
 * files.
 */
import { breathe } from "../base/breathe.ts";
import { aFunction, check, instance, oneOf, someObject, whole } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { allOrNothing, Lifetime } from "../base/lifetime.ts";
import { perplexityOf } from "../base/perplexity.ts";
import { Random } from "../base/random.ts";
import { type Place, TrainingBatches } from "../data/batches.ts";
import type { TokenizedDocument } from "../data/corpus.ts";
import { someDocuments } from "../data/documents.ts";
import type { StoredTensor } from "../formats/safetensors.ts";
import { TensorReader } from "../formats/tensor-reader.ts";
import type { ModelState } from "../model/state.ts";
import { Transformer } from "../model/transformer.ts";
import { aTrainableModel, type TrainableModel, type TrainingState } from "../nn/language-model.ts";
import { heap, kernels } from "../wasm/runtime.ts";
import { requireFiniteParameters } from "./finite.ts";
import { GateMeans } from "./gate-means.ts";
import { clipGradients, type Optimizer } from "./optimizers.ts";
import { parseTrainingOptions, type TrainingOptions } from "./options.ts";
import { type Pass, runPass, type StepDraw } from "./pass.ts";
import {
  type RowGradients,
  type RowRange,
  rowGradients,
  rowGradientsInTurn,
  takeRowGradients,
} from "./row-gradients.ts";
import type { Schedule } from "./schedules.ts";
import { keyCosines, meanByAge, type RowReading } from "./staleness.ts";
import type { StepMetrics } from "./step-metrics.ts";
import { optimizerFor, scheduleFor } from "./trainer-parts.ts";
import { parseTrainerRecord, type TrainerRecord } from "./trainer-record.ts";

const savedTensors = instance(TensorReader, "the tensors that loadCheckpoint read");

/** Trains a model on documents, one optimizer step at a time. M: the kind of the model. */
export class Trainer<M extends TrainableModel = TrainableModel> {
  /** The model in training. */
  readonly model: M;
  /** The options of the run. */
  readonly options: TrainingOptions;
  /** Contexts and memories: one state for each pass of a step. */
  private readonly states: readonly TrainingState[];
  /** Rows of a pass. */
  private readonly passRows: number;
  /** The rows whose states are here. */
  private readonly own: RowRange;
  private readonly documents: readonly TokenizedDocument[];
  private readonly batches: TrainingBatches;
  private readonly optimizer: Optimizer;
  private readonly schedule: Schedule;
  /** Draws the keys of the dropout, and what a model draws anew. */
  private random: Random;
  private seconds = 0;
  private readonly life = new Lifetime("this Trainer");

  /**
   * Trains `model` on `documents`, which must have its vocabulary. Missing options have their default. With gradients "rows" the trainer
   * may have only some of the rows, `own`; then it trains by `trainStepTogether`.
   * @throws InputError for an impossible option
   */
  constructor(
    model: M,
    documents: readonly TokenizedDocument[],
    options: Partial<TrainingOptions> = {},
    own?: RowRange,
  ) {
    check("model", model, aTrainableModel);
    check("documents", documents, someDocuments);
    this.model = model;
    this.options = parseTrainingOptions(options, "training options");
    const { batchSize, gradientAccumulation, gradients, stalenessEvery, seed } = this.options;
    if (stalenessEvery > 0) ownModel(model);
    const rows = batchSize * gradientAccumulation;
    this.documents = documents;
    this.own = ownRows(own, gradients, rows);
    this.passRows = gradients === "rows" ? 1 : batchSize;
    const passes = (this.own.to - this.own.from) / this.passRows;
    [this.states, this.batches, this.optimizer] = allOrNothing((take) => {
      const states = Array.from({ length: passes }, () => take(model.newState({ rows: this.passRows })));
      const [{ segmentLength }] = states;
      const batches = new TrainingBatches(documents, { rows, segmentLength, seed });
      return [states, batches, take(optimizerFor(model.parameters, this.options))];
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
    const draw = this.draw();
    const { model, states, own } = this;
    if (this.options.gradients === "rows") {
      return this.update(draw, this.sumOfRows([rowGradients(model, states, draw, own)]), start);
    }
    model.parameters.zeroGradients();
    return this.update(
      draw,
      states.map((state, index) => runPass(model, state, draw, index)),
      start,
    );
  }

  /**
   * The same step, with gradients "rows", of which other machines compute some: `gather` gets the gradients of this trainer's rows and
   * resolves to those of all rows. Then the step is that of a trainer with all rows, bit for bit. `between` is awaited after each row.
   * @throws InputError as `trainStep`, or if rows are missing
   */
  async trainStepTogether(
    gather: (own: RowGradients) => readonly RowGradients[] | Promise<readonly RowGradients[]>,
    between: () => Promise<void> = breathe,
  ): Promise<StepMetrics> {
    this.life.require();
    check("gather", gather, aFunction);
    check("between", between, aFunction);
    check("gradients", this.options.gradients, oneOf("rows"));
    const start = performance.now();
    const draw = this.draw();
    const own = await rowGradientsInTurn(between, this.model, this.states, draw, this.own);
    const parts = await gather(own);
    return this.update(draw, this.sumOfRows(parts), start);
  }

  /** Steps done by one `advance`: the next one. */
  advance(): readonly StepMetrics[] {
    return [this.trainStep()];
  }

  /** Returns the mean cosines between remembered keys and present ones, by age; see staleness.ts. Changes nothing. */
  keyCosines(): number[] {
    this.life.require();
    const model = ownModel(this.model);
    const { places } = this.batches.state();
    const states = this.states as readonly ModelState[];
    const first = states.slice(0, this.options.batchSize / this.passRows);
    const cosines = first.map((state, index) => {
      const own = places.slice((this.own.from + index) * state.rows).slice(0, state.rows);
      return keyCosines(
        model,
        state,
        own.map((place) => this.readingAt(place)),
      );
    }); // the rows of other batches are as old
    return meanByAge(cosines);
  }

  /** Where a row is in its document; undefined if it has none. */
  private readingAt(place: Place | null): RowReading | undefined {
    return place === null ? undefined : { tokens: this.documents[place.document].tokens(), end: place.offset };
  }

  /** Reads the next segment of every row, and draws what its passes need. */
  private draw(): StepDraw {
    const batch = this.batches.next();
    const tokens = batch.lengths.reduce((sum, length) => sum + length, 0);
    this.model.beforeStep?.(this.step, this.random, this.states);
    const draw = () => ({ dropoutKey: this.random.uint32(), reach: this.drawReach() });
    const passes = Array.from({ length: batch.lengths.length / this.passRows }, draw);
    return { number: this.step + 1, batch, tokens, passes };
  }

  /** Draws from `memorySizes` how far each row of a pass may look back in this step; undefined if the list is empty. */
  private drawReach(): number[] | undefined {
    const { memorySizes } = this.options;
    if (memorySizes.length === 0) return undefined;
    return Array.from({ length: this.passRows }, () => memorySizes[this.random.uint32() % memorySizes.length]);
  }

  /** Adds up the gradients of all rows. Returns their passes. */
  private sumOfRows(parts: readonly RowGradients[]): readonly Pass[] {
    const rows = this.options.batchSize * this.options.gradientAccumulation;
    const passes = takeRowGradients(this.model.parameters, rows, parts);
    if (passes?.length === rows) return passes;
    throw new InputError(`a step needs the gradients of ${rows} rows; those of some are missing`);
  }

  /** Moves the parameters along the gradients of these passes. */
  private update({ number, tokens }: StepDraw, passes: readonly Pass[], start: number): StepMetrics {
    const { parameters } = this.model;
    const gradientNorm = clipGradients(parameters.blocks, this.options.clipNorm || Infinity);
    const learningRate = this.options.learningRate * this.schedule(number);
    this.optimizer.step(learningRate);
    requireFiniteParameters(parameters, number);
    const seconds = (performance.now() - start) / 1000;
    this.seconds += seconds;
    const loss = passes.reduce((sum, pass) => sum + pass.loss, 0);
    const gates = new GateMeans();
    for (const pass of passes) gates.add(pass.gates);
    const fills = passes.flatMap((pass) => pass.fills);
    return {
      step: this.step,
      loss,
      perplexity: perplexityOf(loss),
      tokens,
      tokensPerSecond: tokens / seconds,
      learningRate,
      gradientNorm,
      gates: gates.byLayer(),
      memoryFill: fills.reduce((sum, fill) => sum + fill, 0) / Math.max(1, fills.length),
      seconds: this.seconds,
      secondsLeft: (this.seconds / this.step) * Math.max(0, this.options.steps - this.step),
    };
  }

  /**
   * Copies everything except the parameters that is needed to continue later.
   * @throws InputError if a moment is not finite, which only unclipped gradients beyond 10¹⁹ can cause
   */
  save(): { record: TrainerRecord; tensors: Map<string, StoredTensor> } {
    this.life.require();
    const { step, seconds, options } = this;
    const record = { step, seconds, options, random: this.random.state(), batches: this.batches.state() };
    const tensors = new Map(this.states.flatMap((state, index) => [...state.save(this.prefix(index))]));
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
    for (const [index, state] of this.states.entries()) state.load(tensors, this.prefix(index));
    for (const [name, moment] of this.optimizer.state()) moment.set(tensors.floats(`optimizer.${name}`, moment.shape));
    tensors.end();
    this.optimizer.steps = record.step;
    this.seconds = record.seconds;
    this.random = Random.from(record.random);
  }

  /** The beginning of the names of a state's tensors. */
  private prefix(index: number): string {
    return `state.${this.own.from / this.passRows + index}.`;
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

/** The rows that a trainer has: all, unless it was given others. */
function ownRows(own: RowRange | undefined, gradients: TrainingOptions["gradients"], rows: number): RowRange {
  if (own === undefined) return { from: 0, to: rows };
  check("own", own, someObject);
  check("gradients, of a trainer with some of the rows", gradients, oneOf("rows"));
  check("own.from", own.from, whole(0, rows - 1));
  check("own.to", own.to, whole(own.from + 1, rows));
  return own;
}
