/** What the layers of a mechanism carry from segment to segment, and how many tokens of its document each row has read. */
import { type PersistentTensor, persistentTensor } from "../autodiff/tensor.ts";
import { InputError } from "../base/errors.ts";
import type { Own } from "../base/lifetime.ts";
import { floatTensor, integerTensor, type StoredTensor } from "../formats/safetensors.ts";
import type { TensorReader } from "../formats/tensor-reader.ts";
import type { LayerContext } from "../nn/self-attention.ts";
import { parallelElements } from "../wasm/parallel.ts";
import type { ChosenMechanism } from "./list.ts";
import type { MechanismLayer } from "./mechanism.ts";

type Carried = ReadonlyMap<string, PersistentTensor>;

/** The carried tensors of all layers. */
export class MechanismState {
  private readonly chosen: ChosenMechanism;
  private readonly rows: number;
  private readonly layers: readonly Carried[];
  private readonly read: Int32Array;

  /** Allocates zeros. `own` releases them if something fails. */
  constructor(chosen: ChosenMechanism, rows: number, own: Own) {
    const { parts, sizes } = chosen;
    const shapes = Object.entries(parts.carries?.(sizes) ?? {});
    this.chosen = chosen;
    this.rows = rows;
    this.read = new Int32Array(rows);
    this.layers = Array.from(
      { length: chosen.copies },
      () => new Map(shapes.map(([name, shape]) => [name, own(persistentTensor([rows, ...shape]))])),
    );
  }

  /** The layer with this number, when `offset` tokens of the segment were read. */
  layer(layer: number, offset: number): MechanismLayer {
    const { chosen, rows, read } = this;
    const carried = (name: string) => {
      const tensor = this.layers[layer].get(name);
      if (tensor === undefined) throw new InputError(`the mechanism ${chosen.name} carries nothing called ${name}`);
      return tensor;
    };
    return { sizes: chosen.sizes, layer, rows, offset, read, carried };
  }

  /** A document begins in this row. */
  reset(row: number): void {
    this.read[row] = 0;
    for (const { ptr, size } of this.tensors()) {
      const floats = size / this.rows;
      parallelElements("zero", floats, ptr + row * floats * 4);
    }
  }

  /** Sets all that is carried to 0. Documents go on. */
  clear(): void {
    for (const tensor of this.tensors()) tensor.fill(0);
  }

  /**
   * The one row's document was read, `offset` tokens of its last segment among them, and begins again.
   * @throws InputError if the mechanism does not read again, or if there are more rows
   */
  readAgain(offset: number): void {
    const { name, parts } = this.chosen;
    if (!parts.readAgain)
      throw new InputError(`readAgain: the mechanism ${name} reads a document once; read-twice reads it again`);
    if (this.rows > 1) {
      throw new InputError(
        `readAgain: the state has ${this.rows} rows, whose documents may differ in length; give each a state of 1 row`,
      );
    }
    for (const layer of this.layers.keys()) parts.readAgain(this.layer(layer, offset));
    this.read.fill(0);
  }

  /** Each row has read `count` more tokens; before them, `offset` of the segment. */
  afterTokens(offset: number, count: number): void {
    const { afterTokens } = this.chosen.parts;
    if (afterTokens) for (const layer of this.layers.keys()) afterTokens(this.layer(layer, offset), count);
  }

  /** The segment is complete, and the contexts still hold it. */
  afterSegment(context: (layer: number) => LayerContext | undefined): void {
    const { parts, sizes } = this.chosen;
    const { afterSegment } = parts;
    const { segment_length: segment } = sizes;
    if (afterSegment) {
      for (const layer of this.layers.keys()) afterSegment(this.layer(layer, segment), context(layer));
    }
    for (let row = 0; row < this.rows; row++) this.read[row] += segment;
  }

  /** Copies everything by names that begin with `prefix`: `read [B]`, and `layers.2.carried.NAME [B, ...]`. */
  *save(prefix: string): Generator<[name: string, stored: StoredTensor]> {
    yield [`${prefix}read`, integerTensor(this.read)];
    for (const [name, tensor] of this.named(prefix)) yield [name, floatTensor(tensor.shape, tensor.toArray())];
  }

  /** Restores what `save` copied. Throws an InputError for tensors that do not fit. */
  load(reader: TensorReader, prefix: string): void {
    this.read.set(reader.integers(`${prefix}read`, [this.rows], 2 ** 31 - 1));
    for (const [name, tensor] of this.named(prefix)) tensor.set(reader.floats(name, tensor.shape));
  }

  /** Frees the tensors. */
  release(): void {
    for (const tensor of this.tensors()) tensor.release();
  }

  private tensors(): PersistentTensor[] {
    return this.layers.flatMap((carried) => [...carried.values()]);
  }

  private *named(prefix: string): Generator<[name: string, tensor: PersistentTensor]> {
    for (const [layer, carried] of this.layers.entries()) {
      for (const [name, tensor] of carried) yield [`${prefix}layers.${layer}.carried.${name}`, tensor];
    }
  }
}
