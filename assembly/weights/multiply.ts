/**
 * y = x · Wᵀ + bias, for weights in blocks (blocks.ts) and rounded x (activations.ts): groups of 16 rows of W are the units of
 * work. Each group is read from memory once, however many rows x has.
 */
import { activation_tiles, tileBytes, tileRows } from "./activations";
import { blockBytes, blocksOf, GROUP_ROWS, groupBytes, groupsOf } from "./blocks";
import { EXPANDED_BYTES, rowTimesRows, tileTimesRows } from "./dots";
import { expandedBytes, expandGroup, isExpanded } from "./expand";

/** Bytes of the sums of a tile and a group. */
const SUMS_BYTES: i32 = (4 * GROUP_ROWS) << 2;

/** Units of work: groups. */
export function packed_units(outputs: i32): i32 {
  return groupsOf(outputs);
}

/** Bytes of scratch for a product over `width` columns. */
export function packed_scratch_bytes(width: i32): i32 {
  return SUMS_BYTES + <i32>expandedBytes(blocksOf(width));
}

/**
 * y [n, outputs] = tiles · weightsᵀ (+ bias [outputs], if its address is not 0), columns of units [from, to). `tiles`: n rows of
 * `width` numbers, rounded for this kind of weights. `scratch`: packed_scratch_bytes(width).
 */
export function packed_multiply(
  y: usize, tiles: usize, n: i32, weights: usize, bias: usize, outputs: i32, width: i32, four: bool,
  from: i32, to: i32, scratch: usize,
): void {
  const bytes = groupBytes(width, four);
  for (let group = from; group < to; group++) {
    const first = group * GROUP_ROWS;
    const rows = min(GROUP_ROWS, outputs - first);
    const columns = y + (<usize>first << 2), biases = bias == 0 ? 0 : bias + (<usize>first << 2);
    multiplyGroup(columns, tiles, n, weights + <usize>group * bytes, biases, rows, outputs, width, four, scratch);
  }
}

/** `rows` columns of y, `outputs` floats from row to row. */
function multiplyGroup(
  y: usize, tiles: usize, n: i32, group: usize, bias: usize, rows: i32, outputs: i32, width: i32, four: bool, scratch: usize,
): void {
  const blocks = blocksOf(width);
  const expanded = isExpanded(four) && n > 1;
  const numbers = expanded ? scratch + SUMS_BYTES : group;
  if (expanded) expandGroup(numbers, group, width, four);
  const stride = expanded ? EXPANDED_BYTES : blockBytes(four);
  const lanes = tileRows(n), step = tileBytes(lanes, width);
  for (let tile = 0, row = 0; tile < activation_tiles(n); tile++, row += lanes) {
    memory.fill(scratch, 0, SUMS_BYTES);
    const x = tiles + <usize>tile * step;
    if (n == 1) multiplyRow(scratch, x, group, blocks, four);
    else multiplyTile(scratch, x, group, numbers, stride, rows, blocks, four);
    const to = y + ((<usize>row * outputs) << 2);
    for (let i = 0; i < min(lanes, n - row); i++) {
      storeSums(to + ((<usize>i * outputs) << 2), scratch + (i * GROUP_ROWS << 2), bias, rows);
    }
  }
}

function multiplyRow(sums: usize, x: usize, group: usize, blocks: i32, four: bool): void {
  if (four) rowTimesRows(sums, x, group, blocks, true);
  else rowTimesRows(sums, x, group, blocks, false);
}

/** A tile and the first `rows` rows of the group. */
function multiplyTile(
  sums: usize, x: usize, group: usize, numbers: usize, stride: i32, rows: i32, blocks: i32, four: bool,
): void {
  for (let half = 0; half < rows; half += 8) {
    if (four) tileTimesFourBits(sums + (half << 2), x, group, numbers, half, blocks);
    else tileTimesEightBits(sums + (half << 2), x, group, numbers, stride, half, blocks);
  }
}

function tileTimesFourBits(sums: usize, x: usize, group: usize, numbers: usize, half: i32, blocks: i32): void {
  tileTimesRows(sums, x, group, numbers, EXPANDED_BYTES, half, blocks, true);
}

function tileTimesEightBits(sums: usize, x: usize, group: usize, numbers: usize, stride: i32, half: i32, blocks: i32): void {
  tileTimesRows(sums, x, group, numbers, stride, half, blocks, false);
}

/** y [rows] = sums + bias. */
function storeSums(y: usize, sums: usize, bias: usize, rows: i32): void {
  for (const end = y + (rows << 2); y < end; y += 4, sums += 4) {
    let sum = load<f32>(sums);
    if (bias != 0) {
      sum += load<f32>(bias);
      bias += 4;
    }
    store<f32>(y, sum);
  }
}
