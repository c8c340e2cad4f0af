/** The numbers of the tokens whose pairs are in the buffers of a state, row by row. The buffers grow, and roll on with the text. */
export class SeenTokens {
  /** [B, capacity]. */
  ids: Int32Array;
  private readonly rows: number;

  /** Room for `capacity` tokens of each of `rows` rows. */
  constructor(rows: number, capacity: number) {
    this.rows = rows;
    this.ids = new Int32Array(rows * capacity);
  }

  /** Tokens of a row that there is room for. */
  get capacity(): number {
    return this.ids.length / this.rows;
  }

  /** Tokens `from` to `to` of a row, a view. */
  range(row: number, from: number, to: number): Int32Array {
    const at = row * this.capacity;
    return this.ids.subarray(at + from, at + to);
  }

  /** Tokens `from` to `to` of every row, [B, to − from]. */
  columns(from: number, to: number): Int32Array {
    const width = to - from;
    const ids = new Int32Array(this.rows * width);
    for (let row = 0; row < this.rows; row++) ids.set(this.range(row, from, to), row * width);
    return ids;
  }

  /** Writes the next tokens of every row, [B, n], from token `at` on. */
  write(ids: Int32Array, at: number): void {
    const count = ids.length / this.rows;
    for (let row = 0; row < this.rows; row++) {
      this.range(row, at, at + count).set(ids.subarray(row * count, (row + 1) * count));
    }
  }

  /** Makes room for `capacity` tokens of each row, not fewer than before. */
  grow(capacity: number): void {
    const ids = new Int32Array(this.rows * capacity);
    for (let row = 0; row < this.rows; row++) ids.set(this.range(row, 0, this.capacity), row * capacity);
    this.ids = ids;
  }

  /** Gives up the tokens before `from`; those up to `to` move to the beginning. */
  roll(from: number, to: number): void {
    for (let row = 0; row < this.rows; row++) this.range(row, 0, to).copyWithin(0, from, to);
  }
}
