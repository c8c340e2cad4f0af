/**
 * y = x · Wᵀ + bias, for weights in blocks (blocks.ts) and rounded x (activations.ts): groups of 16 rows of W are the units of
 * work. Each group is read from memory once, however many rows x has.
 */
import { activation_tiles, tileBytes, tileRows } from "./activations";
import { blockBytes, blocksOf, GROUP_ROWS, groupBytes, groupsOf } from "./blocks";
import { Dots, EXPANDED_BYTES, EXPANDED_SCALES_BYTES, rowTimesRows, tileTimesRows } from "./dots";
import { expandGroup, expandScales, isExpanded } from "./expand";
import { biasOf, outputsOf, PRODUCT_BYTES, weightsOf, yOf } from "./products";

/** Bytes of the sums of a tile and a group. */
const SUMS_BYTES: i32 = (4 * GROUP_ROWS) << 2;

/** Units of work: groups. */
export function packed_units(outputs: i32): i32 {
  return groupsOf(outputs);
}

/** Bytes of scratch for a product over `width` columns. */
export function packed_scratch_bytes(width: i32): i32 {
  return SUMS_BYTES + blocksOf(width) * (EXPANDED_SCALES_BYTES + EXPANDED_BYTES);
}

/**
 * y [n, outputs] = tiles · weightsᵀ (+ bias [outputs]) of every product of the table (products.ts), columns of units [from, to); units
 * are counted on from product to product. `tiles`: n rows of `width` numbers, rounded for this kind of weights. `fused`: whether 8-bit
 * dot products take one instruction, which is faster on some processors and changes no bit. `scratch`: packed_scratch_bytes(width).
 */
export function packed_multiply(
  products: usize, tiles: usize, n: i32, width: i32, four: bool, fused: bool, from: i32, to: i32, scratch: usize,
): void {
  for (let first = 0; first < to; products += PRODUCT_BYTES) {
    const units = packed_units(outputsOf(products));
    multiplyGroups(products, tiles, n, width, four, fused, max(from - first, 0), min(to - first, units), scratch);
    first += units;
  }
}

/** Groups [from, to) of one product. */
function multiplyGroups(
  product: usize, tiles: usize, n: i32, width: i32, four: bool, fused: bool, from: i32, to: i32, scratch: usize,
): void {
  const y = yOf(product), weights = weightsOf(product), bias = biasOf(product), outputs = outputsOf(product);
  const bytes = groupBytes(width, four);
  for (let group = from; group < to; group++) {
    const first = group * GROUP_ROWS;
    const rows = min(GROUP_ROWS, outputs - first);
    const columns = y + (<usize>first << 2), biases = bias == 0 ? 0 : bias + (<usize>first << 2);
    multiplyGroup(columns, tiles, n, weights + <usize>group * bytes, biases, rows, outputs, width, four, fused, scratch);
  }
}

/** `rows` columns of y, `outputs` floats from row to row. */
function multiplyGroup(
  y: usize, tiles: usize, n: i32, group: usize, bias: usize, rows: i32, outputs: i32, width: i32, four: bool, fused: bool,
  scratch: usize,
): void {
  const scales = scratch + SUMS_BYTES;
  let numbers = group, stride = blockBytes(four);
  if (n > 1) {
    expandScales(scales, group, width, four);
    if (isExpanded(four)) {
      numbers = scales + <usize>(blocksOf(width) * EXPANDED_SCALES_BYTES);
      stride = EXPANDED_BYTES;
      expandGroup(numbers, group, width, four);
    }
  }
  const lanes = tileRows(n), step = tileBytes(lanes, width);
  for (let tile = 0, row = 0; tile < activation_tiles(n); tile++, row += lanes) {
    memory.fill(scratch, 0, SUMS_BYTES);
    const x = tiles + <usize>tile * step;
    if (n == 1) multiplyRow(scratch, x, group, four, fused);
    else multiplyTile(scratch, x, numbers, stride, scales, rows, four, fused);
    const to = y + ((<usize>row * outputs) << 2);
    for (let i = 0; i < min(lanes, n - row); i++) {
      storeSums(to + ((<usize>i * outputs) << 2), scratch + (i * GROUP_ROWS << 2), bias, rows);
    }
  }
}

function multiplyRow(sums: usize, x: usize, group: usize, four: bool, fused: bool): void {
  if (four) rowTimesRows(sums, x, group, true, Dots.Small);
  else if (fused) rowTimesRows(sums, x, group, false, Dots.Fours);
  else rowTimesRows(sums, x, group, false, Dots.Pairs);
}

/** A tile and the first `rows` rows of the group. */
function multiplyTile(
  sums: usize, x: usize, numbers: usize, stride: i32, scales: usize, rows: i32, four: bool, fused: bool,
): void {
  for (let at = 0; at < rows << 2; at += 32) {
    if (four) timesFourBits(sums + at, x, numbers + at, scales + at);
    else if (fused) timesFours(sums + at, x, numbers + at, stride, scales + at);
    else timesPairs(sums + at, x, numbers + at, stride, scales + at);
  }
}

function timesFourBits(sums: usize, x: usize, numbers: usize, scales: usize): void {
  tileTimesRows(sums, x, numbers, EXPANDED_BYTES, scales, true, Dots.Small);
}

function timesFours(sums: usize, x: usize, numbers: usize, stride: i32, scales: usize): void {
  tileTimesRows(sums, x, numbers, stride, scales, false, Dots.Fours);
}

function timesPairs(sums: usize, x: usize, numbers: usize, stride: i32, scales: usize): void {
  tileTimesRows(sums, x, numbers, stride, scales, false, Dots.Pairs);
}

/** y [rows] = sums + bias. */
function storeSums(y: usize, sums: usize, bias: usize, rows: i32): void {
  const end = y + (rows << 2);
  for (; y + 16 <= end; y += 16, sums += 16) {
    let four = v128.load(sums);
    if (bias != 0) {
      four = f32x4.add(four, v128.load(bias));
      bias += 16;
    }
    v128.store(y, four);
  }
  for (; y < end; y += 4, sums += 4) {
    let sum = load<f32>(sums);
    if (bias != 0) {
      sum += load<f32>(bias);
      bias += 4;
    }
    store<f32>(y, sum);
  }
}
