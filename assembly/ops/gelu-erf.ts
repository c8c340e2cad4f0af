/**
 * The exact GELU, x · Φ(x), and its backward. With a = |x|, Φ(−a) = e^(−a²/2) · Q(a); the same exponential is the density that the
 * backward needs. Φ is within 1e-7, and far below 0 it keeps its leading digits.
 */
import { exponentials } from "../base/exp";
import { hidden, loadPartial, madd, storePartial } from "../base/simd";

/** Elements whose exponentials are computed together, and stay in L1 until they are used. */
const BLOCK: i32 = 1024;
/** Q(a) = e^(a²/2) · Φ(−a) is a polynomial in (a − 2.5) / (a + 2.5), minimax in e^(−a²/2) · error over a in [0, 13.2]: 7.4e-10. */
const CENTRE: f32 = 2.5;
const Q0: f32 = 1.4133134006e-01;
const Q1: f32 = -2.2806991486e-01;
const Q2: f32 = 1.1313207284e-01;
const Q3: f32 = -2.4572642989e-02;
const Q4: f32 = -5.1803858167e-03;
const Q5: f32 = 2.9273779622e-03;
const Q6: f32 = 9.5029684628e-04;
const Q7: f32 = -1.2956225205e-04;
const Q8: f32 = -7.8066803056e-05;
/** Up to a = 1, where Φ(−a) is largest and errors of e and Q count most, (Φ(a) − ½) / a is a polynomial in a²: 2.7e-10. */
const P0: f32 = 3.9894228014e-01;
const P1: f32 = -6.6490360782e-02;
const P2: f32 = 9.9733301536e-03;
const P3: f32 = -1.1863486040e-03;
const P4: f32 = 1.1350751823e-04;
const P5: f32 = -7.6626107271e-06;
/** 1 / √(2π). */
const DENSITY: f32 = 0.3989422804;
/** Beyond it Φ(−a) is 0 in float32. An infinity is cut here, so that 0 · ∞ is never computed. */
const MOST: f32 = 20;

/** Bytes of scratch for `gelu_erf_backward`. */
export function gelu_erf_scratch_bytes(): i32 {
  return BLOCK << 2;
}

/** y = x · Φ(x) over elements [from, to). y is not x. */
export function gelu_erf_forward(y: usize, x: usize, from: i32, to: i32): void {
  for (let at = from; at < to; at += BLOCK) {
    const n = min(BLOCK, to - at), offset = <usize>at << 2;
    densities(y + offset, x + offset, n);
    products(y + offset, x + offset, n);
  }
}

/** dx += dy · (Φ(x) + x · φ(x)) over elements [from, to). `scratch`: gelu_erf_scratch_bytes. */
export function gelu_erf_backward(dx: usize, dy: usize, x: usize, from: i32, to: i32, scratch: usize): void {
  for (let at = from; at < to; at += BLOCK) {
    const n = min(BLOCK, to - at), offset = <usize>at << 2;
    densities(scratch, x + offset, n);
    addGradients(dx + offset, dy + offset, x + offset, scratch, n);
  }
}

/** e = e^(−x²/2) over `n` floats. */
function densities(e: usize, x: usize, n: i32): void {
  const half = f32x4.splat(-0.5), most = f32x4.splat(MOST);
  let y = e;
  for (const end = x + (<usize>(n & ~3) << 2); x < end; x += 16, y += 16) {
    const a = magnitude(v128.load(x), most);
    v128.store(y, f32x4.mul(f32x4.mul(a, a), half));
  }
  const tail = n & 3;
  if (tail) {
    const a = magnitude(loadPartial(x, tail, 0), most);
    storePartial(y, f32x4.mul(f32x4.mul(a, a), half), tail);
  }
  exponentials(e, e, 0, n);
}

/** min(|x|, most); NaN stays NaN. */
@inline
function magnitude(x: v128, most: v128): v128 {
  return f32x4.pmin(f32x4.abs(x), most);
}

/** Φ(−a) from a and e = e^(−a²/2). */
@inline
function lowerTail(a: v128, e: v128, zero: i32): v128 {
  const centre = hidden(CENTRE, zero);
  const s = f32x4.div(f32x4.sub(a, centre), f32x4.add(a, centre));
  const square = f32x4.mul(s, s);
  let even = madd(hidden(Q8, zero), square, hidden(Q6, zero)), odd = madd(hidden(Q7, zero), square, hidden(Q5, zero));
  even = madd(even, square, hidden(Q4, zero)), odd = madd(odd, square, hidden(Q3, zero));
  even = madd(even, square, hidden(Q2, zero)), odd = madd(odd, square, hidden(Q1, zero));
  even = madd(even, square, hidden(Q0, zero));
  return v128.bitselect(nearZero(a, zero), f32x4.mul(e, madd(odd, s, even)), f32x4.lt(a, f32x4.splat(1)));
}

/** Φ(−a) for a up to 1. */
@inline
function nearZero(a: v128, zero: i32): v128 {
  const square = f32x4.mul(a, a);
  let p = madd(hidden(P5, zero), square, hidden(P4, zero));
  p = madd(p, square, hidden(P3, zero));
  p = madd(p, square, hidden(P2, zero));
  p = madd(p, square, hidden(P1, zero));
  p = madd(p, square, hidden(P0, zero));
  return f32x4.sub(f32x4.splat(0.5), f32x4.mul(a, p));
}

/** y = x · Φ(x) over `n` floats, where y held the exponentials: max(x, 0) − a · Φ(−a), for either sign of x. */
function products(y: usize, x: usize, n: i32): void {
  const none = n >> 31; // n is never negative
  const zero = f32x4.splat(0), most = f32x4.splat(MOST);
  for (const end = x + (<usize>(n & ~3) << 2); x < end; x += 16, y += 16) {
    v128.store(y, product(v128.load(x), v128.load(y), zero, most, none));
  }
  const tail = n & 3;
  if (tail) storePartial(y, product(loadPartial(x, tail, 0), loadPartial(y, tail, 0), zero, most, none), tail);
}

@inline
function product(x: v128, e: v128, zero: v128, most: v128, none: i32): v128 {
  const a = magnitude(x, most);
  return f32x4.sub(f32x4.pmax(x, zero), f32x4.mul(a, lowerTail(a, e, none)));
}

/** dx += dy · slope over `n` floats, from the exponentials e. */
function addGradients(dx: usize, dy: usize, x: usize, e: usize, n: i32): void {
  const none = n >> 31;
  const most = f32x4.splat(MOST);
  for (const end = x + (<usize>(n & ~3) << 2); x < end; x += 16, dy += 16, dx += 16, e += 16) {
    v128.store(dx, madd(v128.load(dy), slope(v128.load(x), v128.load(e), most, none), v128.load(dx)));
  }
  const tail = n & 3;
  if (tail) {
    const s = slope(loadPartial(x, tail, 0), loadPartial(e, tail, 0), most, none);
    storePartial(dx, madd(loadPartial(dy, tail, 0), s, loadPartial(dx, tail, 0)), tail);
  }
}

/** Φ(x) + x · φ(x), which at −x is 1 minus that at x. */
@inline
function slope(x: v128, e: v128, most: v128, none: i32): v128 {
  const a = magnitude(x, most);
  const below = f32x4.sub(lowerTail(a, e, none), f32x4.mul(a, f32x4.mul(e, f32x4.splat(DENSITY)))); // at −a
  return v128.bitselect(below, f32x4.sub(f32x4.splat(1), below), f32x4.lt(x, f32x4.splat(0)));
}
