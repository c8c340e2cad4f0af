/**
 * The objects that calls with wrong arguments are made on, and the bytes of each in the WebAssembly memory. After a call only
 * those may have changed that it was made on or that were passed to it.
 */
import * as assert from "uvu/assert";
import { type PersistentTensor, parameter, Tensor } from "../../src/autodiff/tensor.ts";
import { KvMemory } from "../../src/memory/memory.ts";
import type { Ring } from "../../src/memory/ring.ts";
import type { KeyIndex } from "../../src/memory/search/exact.ts";
import { VectorStore } from "../../src/memory/vector-store.ts";
import type { ModelState } from "../../src/model/state.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { Reader } from "../../src/reader.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { adamW, type Optimizer } from "../../src/train/optimizers.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { randomDocuments, tinyConfig } from "../tiny.ts";

type Region = readonly [address: number, bytes: number];

interface Owner {
  readonly name: string;
  /** Placeholder for it among the arguments of a call. */
  readonly handles: readonly object[];
  /** Others that change with it. */
  readonly changes: readonly object[];
  regions(): Region[];
}

const CANARY_BYTES = 256;

export class World {
  readonly tokenizer = byteTokenizer();
  readonly documents = randomDocuments([40, 23, 9]);
  readonly model = new Transformer(tinyConfig({ memory_layers: [0, 1], xl_cache_length: 3 }), 1);
  /** For training, which would have readers disown their model. */
  readonly trained = new Transformer(this.model.config, 2);
  readonly store = new VectorStore({ width: 4, size: 20, heads: 2 });
  readonly half = new VectorStore({ width: 3, size: 9, search: "quantised", dtype: "float16" });
  readonly memory = new KvMemory({ rows: 2, heads: 2, width: 5, size: 40, segment: 7 }, { kind: "quantised" });
  readonly listed = new KvMemory({ rows: 2, heads: 2, width: 5, size: 40, segment: 7 }, { kind: "inverted", lists: 3 });
  readonly state = this.model.newState({ rows: 1, tokenizer: this.tokenizer });
  readonly wide = this.model.newState({ rows: 3, memorySize: 11 });
  readonly reader = new Reader(this.model, this.tokenizer, { memorySize: 30 });
  readonly optimizer: Optimizer = adamW(
    this.trained.parameters.blocks.map((block) => ({ ...block, lrScale: 1, weightDecay: 0 })),
  );
  readonly trainer = new Trainer(this.trained, this.documents, { batchSize: 2, steps: 1e6, stalenessEvery: 2 });
  /** Rows that are longer than what lies between two blocks. */
  readonly matrix = parameter([40, 60]).fill(0.5);
  readonly tall = parameter([60, 20]).fill(-1);
  readonly vector = parameter([60]).fill(2);
  readonly small = parameter([3]);
  /** A model of other sizes, whose state fits no other. */
  readonly narrow = new Transformer(
    tinyConfig({ hidden_size: 4, num_attention_heads: 1, head_dim: 3, segment_length: 2 }),
  );
  readonly narrowState = this.narrow.newState({ rows: 1, memorySize: 2 });
  /** Every object, those that were released included, for places where they may or may not belong. */
  readonly handles: readonly object[];
  private readonly owners: Owner[];
  private readonly canaries: readonly number[];
  private readonly kept = new Map<Owner, Uint8Array[]>();

  constructor() {
    this.canaries = Array.from({ length: 5 }, () => heap.allocate(CANARY_BYTES));
    for (const canary of this.canaries) heap.u8(canary, CANARY_BYTES).fill(0xa5);
    this.store.append(
      Float32Array.from({ length: 80 }, (_, i) => Math.sin(i)),
      new Float32Array(80).fill(3),
    );
    this.half.append(new Float32Array(30).fill(0.25), new Float32Array(30).fill(4));
    this.owners = this.allOwners();
    const gone = new VectorStore({ width: 4, size: 2 });
    gone.release();
    this.handles = [...this.owners.flatMap(({ handles }) => handles), gone, this.tokenizer];
    this.keep(this.owners);
  }

  private allOwners(): Owner[] {
    const { trained, trainer, optimizer } = this;
    const ofModel = (name: string, model: Transformer): Owner => {
      const tensors = model.parameters.names().map((of) => model.parameters.get(of));
      return { name, handles: [model, model.parameters, ...tensors], changes: [], regions: () => weightRegions(model) };
    };
    const one = (name: string, handle: object, regions: () => Region[], changes: readonly object[] = []): Owner => ({
      name,
      handles: [handle],
      changes,
      regions,
    });
    return [
      ofModel("the model", this.model),
      ofModel("the trained model", trained),
      ofModel("the narrow model", this.narrow),
      one("the state of the narrow model", this.narrowState, () => stateRegions(this.narrowState)),
      one("the small tensor", this.small, () => tensorRegions(this.small)),
      one("the store", this.store, () => memoryRegions(inside<Kept<KvMemory>>(this.store).kept)),
      one("the half store", this.half, () => memoryRegions(inside<Kept<KvMemory>>(this.half).kept)),
      one("the memory", this.memory, () => memoryRegions(this.memory)),
      one("the memory with lists", this.listed, () => memoryRegions(this.listed)),
      one("the state", this.state, () => stateRegions(this.state)),
      one("the state of three rows", this.wide, () => stateRegions(this.wide)),
      one("the reader", this.reader, () => stateRegions(inside<Kept<ModelState>>(this.reader).kept)),
      one("the optimizer", optimizer, () => momentRegions(optimizer), [trained]),
      one("the trainer", trainer, () => trainerRegions(trainer), [trained]),
      one("the matrix", this.matrix, () => tensorRegions(this.matrix)),
      one("the tall matrix", this.tall, () => tensorRegions(this.tall)),
      one("the vector", this.vector, () => tensorRegions(this.vector)),
      one("a block of nobody", {}, () => this.canaries.map((canary) => [canary, CANARY_BYTES] as const)),
    ];
  }

  /** Fails if the numbers of an object changed that is not among `touched`. */
  assertUnharmed(touched: ReadonlySet<unknown>): void {
    const changing = new Set(this.owners.filter(({ handles }) => handles.some((handle) => touched.has(handle))));
    const changed = [...changing].flatMap(({ changes }) => changes);
    for (const owner of this.owners) if (owner.handles.some((handle) => changed.includes(handle))) changing.add(owner);
    for (const owner of this.owners) {
      if (changing.has(owner)) continue;
      for (const [i, [address, bytes]] of owner.regions().entries()) {
        const before = this.kept.get(owner)?.[i] ?? new Uint8Array(0);
        assert.is(Buffer.compare(heap.u8(address, bytes), before), 0, `numbers of ${owner.name} have changed`);
      }
    }
    this.keep(changing);
  }

  private keep(owners: Iterable<Owner>): void {
    for (const owner of owners) {
      const copies = owner.regions().map(([address, bytes]) => heap.u8(address, bytes).slice());
      this.kept.set(owner, copies);
    }
  }

  release(): void {
    const { trainer, optimizer, reader, state, wide, memory, store, half, matrix, tall, vector, model, trained } = this;
    const { small, narrow, narrowState, listed } = this;
    const all = [
      trainer,
      optimizer,
      reader,
      state,
      wide,
      memory,
      store,
      half,
      matrix,
      tall,
      vector,
      small,
      narrowState,
      listed,
      model,
      trained,
      narrow,
    ];
    for (const each of all) each.release();
    for (const canary of this.canaries) heap.release(canary);
  }
}

/** Private state of an object. */
function inside<T>(object: unknown): T {
  return object as T;
}

interface Kept<T> {
  readonly kept: T;
}

function weightRegions({ parameters }: Transformer): Region[] {
  return parameters.blocks.flatMap(({ values, gradients }) => [regionOf(values), regionOf(gradients)]);
}

function memoryRegions(memory: KvMemory): Region[] {
  const { ring, index } = inside<{ parts: { ring: Ring; index: KeyIndex } }>(memory).parts;
  const { blocks, panels } = inside<{ blocks?: number; panels?: number }>(index);
  const address = blocks ?? panels;
  const pairs = [ring.keys, ring.values].map((of): Region => [of, ring.bytes / 2]);
  return address === undefined ? pairs : [...pairs, [address, index.bytes]];
}

function stateRegions(state: ModelState): Region[] {
  const { contextPairs } = inside<{ contextPairs: readonly { keys: Tensor; values: Tensor }[] }>(state);
  const contexts = contextPairs.flatMap(({ keys, values }) => [regionOf(keys), regionOf(values)]);
  return [...contexts, ...[...state.memories.values()].flatMap(memoryRegions)];
}

function momentRegions(optimizer: Optimizer): Region[] {
  return [...optimizer.state().values()].map(regionOf);
}

function trainerRegions(trainer: Trainer): Region[] {
  const { states, optimizer } = inside<{ states: readonly ModelState[]; optimizer: Optimizer }>(trainer);
  return [...states.flatMap(stateRegions), ...momentRegions(optimizer)];
}

function tensorRegions(tensor: PersistentTensor): Region[] {
  return [regionOf(tensor), ...(tensor.grad instanceof Tensor ? [regionOf(tensor.grad)] : [])];
}

function regionOf({ ptr, size }: Tensor): Region {
  return [ptr, size * 4];
}
