/**
 * The exact GELU, x · Φ(x), and its backward. With a = |x|, Φ(−a) = e^(−a²/2) · Q(a); the same exponential is the density that the
 * backward needs. Φ is within 1e-7, and far below 0 it keeps its leading digits.
 */
import { exponentials, hidden, loadPartial, madd, storePartial } from "../base/simd";

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

/** Bytes of scratch for `gelu_erf_backward`: two blocks. */
export function gelu_erf_scratch_bytes(): i32 {
  return 2 * BLOCK << 2;
}

/** y = x · Φ(x) over elements [from, to). y is not x. */
export function gelu_erf_forward(y: usize, x: usize, from: i32, to: i32): void {
  for (let at = from; at < to; at += BLOCK) {
    const n = min(BLOCK, to - at), offset = <usize>at << 2;
    densities(y + offset, x + offset, n);
    lowerTails(y + offset, y + offset, x + offset, n);
    products(y + offset, x + offset, n);
  }
}

/** dx += dy · (Φ(x) + x · φ(x)) over elements [from, to). `scratch`: gelu_erf_scratch_bytes. */
export function gelu_erf_backward(dx: usize, dy: usize, x: usize, from: i32, to: i32, scratch: usize): void {
  const tails = scratch + (BLOCK << 2);
  for (let at = from; at < to; at += BLOCK) {
    const n = min(BLOCK, to - at), offset = <usize>at << 2;
    densities(scratch, x + offset, n);
    lowerTails(tails, scratch, x + offset, n);
    addGradients(dx + offset, dy + offset, x + offset, scratch, tails, n);
  }
}

/** e = e^(−x²/2) over `n` floats. */
function densities(e: usize, x: usize, n: i32): void {
  const none = n >> 31; // n is never negative
  const half = hidden(-0.5, none), most = hidden(MOST, none);
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

/** y = Φ(−|x|) over `n` floats, from the exponentials e. y may be e. */
function lowerTails(y: usize, e: usize, x: usize, n: i32): void {
  farTails(y, e, x, n);
  nearTails(y, x, n);
}

/** y = e · Q(|x|) over `n` floats. */
function farTails(y: usize, e: usize, x: usize, n: i32): void {
  const none = n >> 31;
  const most = hidden(MOST, none), centre = hidden(CENTRE, none);
  const q0 = hidden(Q0, none), q1 = hidden(Q1, none), q2 = hidden(Q2, none), q3 = hidden(Q3, none), q4 = hidden(Q4, none);
  const q5 = hidden(Q5, none), q6 = hidden(Q6, none), q7 = hidden(Q7, none), q8 = hidden(Q8, none);
  for (let left = n; left > 0; left -= 4, x += 16, e += 16, y += 16) {
    const a = magnitude(loadUpTo4(x, left), most);
    const s = f32x4.div(f32x4.sub(a, centre), f32x4.add(a, centre));
    const square = f32x4.mul(s, s);
    const even = madd(madd(madd(madd(q8, square, q6), square, q4), square, q2), square, q0);
    const odd = madd(madd(madd(q7, square, q5), square, q3), square, q1);
    storeUpTo4(y, f32x4.mul(loadUpTo4(e, left), madd(odd, s, even)), left);
  }
}

/** Where |x| is below 1, y = ½ − a · P(a²), over `n` floats. */
function nearTails(y: usize, x: usize, n: i32): void {
  const none = n >> 31;
  const half = hidden(0.5, none), one = hidden(1, none), most = hidden(MOST, none);
  const p0 = hidden(P0, none), p1 = hidden(P1, none), p2 = hidden(P2, none);
  const p3 = hidden(P3, none), p4 = hidden(P4, none), p5 = hidden(P5, none);
  for (let left = n; left > 0; left -= 4, x += 16, y += 16) {
    const a = magnitude(loadUpTo4(x, left), most);
    const square = f32x4.mul(a, a);
    const p = madd(madd(madd(madd(madd(p5, square, p4), square, p3), square, p2), square, p1), square, p0);
    const near = f32x4.sub(half, f32x4.mul(a, p));
    storeUpTo4(y, v128.bitselect(near, loadUpTo4(y, left), f32x4.lt(a, one)), left);
  }
}

/** y = x · Φ(x) over `n` floats, where y held Φ(−a): max(x, 0) − a · Φ(−a), for either sign of x. */
function products(y: usize, x: usize, n: i32): void {
  const zero = f32x4.splat(0), most = hidden(MOST, n >> 31);
  for (let left = n; left > 0; left -= 4, x += 16, y += 16) {
    const value = loadUpTo4(x, left);
    const product = f32x4.mul(magnitude(value, most), loadUpTo4(y, left));
    storeUpTo4(y, f32x4.sub(f32x4.pmax(value, zero), product), left);
  }
}

/** dx += dy · (Φ(x) + x · φ(x)) over `n` floats, from the exponentials e and `tails`, Φ(−a). The slope at −x is 1 minus that at x. */
function addGradients(dx: usize, dy: usize, x: usize, e: usize, tails: usize, n: i32): void {
  const none = n >> 31;
  const zero = f32x4.splat(0), one = hidden(1, none), density = hidden(DENSITY, none), most = hidden(MOST, none);
  for (let left = n; left > 0; left -= 4, x += 16, dy += 16, dx += 16, e += 16, tails += 16) {
    const value = loadUpTo4(x, left);
    const slopes = f32x4.mul(magnitude(value, most), f32x4.mul(loadUpTo4(e, left), density)); // a · φ(a)
    const below = f32x4.sub(loadUpTo4(tails, left), slopes); // the slope at −a
    const slope = v128.bitselect(below, f32x4.sub(one, below), f32x4.lt(value, zero));
    storeUpTo4(dx, madd(loadUpTo4(dy, left), slope, loadUpTo4(dx, left)), left);
  }
}

/** The next four floats, or the last `left` of them and zeros. */
@inline
function loadUpTo4(at: usize, left: i32): v128 {
  return left >= 4 ? v128.load(at) : loadPartial(at, left, 0);
}

@inline
function storeUpTo4(at: usize, x: v128, left: i32): void {
  if (left >= 4) v128.store(at, x);
  else storePartial(at, x, left);
}
