/**
 * The sum of the gradients of all rows, in an order that depends on nothing but the number of rows: neighbours in pairs, then
 * neighbouring pairs, and so on. Whoever has both halves of a pair may add them. So the sum has the same bits on any number of
 * machines, and a machine that has several rows sends one vector for them.
 */

/** The sum over rows index·2^level to (index + 1)·2^level, as far as there are such rows. */
export interface RowNode {
  /** log₂ of the rows that it spans. */
  readonly level: number;
  /** Its place among the nodes of its level. */
  readonly index: number;
  /** The sum, one number for each parameter. */
  readonly sum: Float32Array;
}

/** Adds up nodes, which may come in any order. */
export class RowSum {
  private readonly rows: number;
  private readonly waiting = new Map<string, RowNode>();

  /** `rows`: how many rows there are on all machines. */
  constructor(rows: number) {
    this.rows = rows;
  }

  /** Adds a node. Its vector belongs to the sum from now on. */
  add(node: RowNode): void {
    let { level, index, sum } = node;
    while (2 ** level < this.rows) {
      const sibling = index % 2 === 0 ? index + 1 : index - 1;
      if (sibling * 2 ** level < this.rows) {
        const other = this.take(level, sibling);
        if (other === undefined) break;
        sum = addInto(other.sum, sum);
      }
      level++;
      index = Math.floor(index / 2);
    }
    this.waiting.set(keyOf(level, index), { level, index, sum });
  }

  /** The nodes that wait for others: one if all rows are in. */
  nodes(): RowNode[] {
    return [...this.waiting.values()];
  }

  /** The sum over all rows; undefined while some are missing. */
  total(): Float32Array | undefined {
    return this.waiting.get(keyOf(Math.ceil(Math.log2(this.rows)), 0))?.sum;
  }

  private take(level: number, index: number): RowNode | undefined {
    const key = keyOf(level, index);
    const node = this.waiting.get(key);
    this.waiting.delete(key);
    return node;
  }
}

function keyOf(level: number, index: number): string {
  return `${level}.${index}`;
}

function addInto(sum: Float32Array, more: Float32Array): Float32Array {
  for (let i = 0; i < sum.length; i++) sum[i] += more[i];
  return sum;
}
