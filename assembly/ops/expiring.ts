/**
 * Lists of the states that have not expired, for listed.ts (Sukhbaatar et al. 2021, Expire-Span): state j is kept for e_j tokens and fades
 * over R more, m_tj = clamp(1 + (e_j − (t − j)) / R, 0, 1). A state with m = 0 is in no list and costs nothing.
 *
 * A unit is a row of the batch, so that one thread adds to a span's gradient.
 */

/** Address of state j's span: past states are in `before` [B, capacity], the segment's in `own` [B, T]. */
@inline
function spanAt(before: usize, own: usize, row: i32, j: i32, segment: i32, past: i32, capacity: i32): usize {
  return j < past ? before + (<usize>(row * capacity + j) << 2) : own + (<usize>(row * segment + j - past) << 2);
}

/**
 * lists [B, T, K] (i32): the last K positions up to each query's, down to the row's first, whose m is above 0; the newest first, −1 at
 * the end. masks [B, T, H, K]: their m for every head, 0 behind the end. costs [B] = Σ e_j over entries with m below 1. Rows
 * [from, to) of B.
 */
export function expiring_lists(
  lists: usize, masks: usize, costs: usize, before: usize, own: usize, first: usize,
  heads: i32, segment: i32, past: i32, capacity: i32, most: i32, ramp: f32, from: i32, to: i32,
): void {
  for (let row = from; row < to; row++) {
    let cost: f32 = 0;
    for (let i = 0; i < segment; i++) {
      const query = <usize>(row * segment + i), list = lists + ((query * most) << 2);
      const mask = masks + ((query * heads * most) << 2), t = past + i;
      const end = max(load<i32>(first + (row << 2)), t - most + 1);
      let n = 0;
      for (let j = t; j >= end; j--) {
        const span = load<f32>(spanAt(before, own, row, j, segment, past, capacity));
        const m: f32 = 1 + (span - <f32>(t - j)) / ramp;
        if (m <= 0) continue; // a span that is NaN makes a mask that is NaN
        if (m < 1) cost += span;
        store<i32>(list + (n << 2), j);
        store<f32>(mask + (n++ << 2), min<f32>(m, 1));
      }
      if (n < most) store<i32>(list + (n << 2), -1);
      memory.fill(mask + (n << 2), 0, <usize>(most - n) << 2);
      for (let head = 1; head < heads; head++) memory.copy(mask + ((head * most) << 2), mask, <usize>most << 2);
    }
    store<f32>(costs + (row << 2), cost);
  }
}

/**
 * For entries with m between 0 and 1: de_j += (dcost + Σ_heads dmasks) / R, in dbefore [B, capacity] and down [B, T]. dmasks may be 0.
 * Rows [from, to) of B.
 */
export function expiring_lists_backward(
  dbefore: usize, down: usize, dmasks: usize, lists: usize, masks: usize, dcost: f32,
  heads: i32, segment: i32, past: i32, capacity: i32, most: i32, ramp: f32, from: i32, to: i32,
): void {
  for (let row = from; row < to; row++) {
    for (let i = 0; i < segment; i++) {
      const query = <usize>(row * segment + i);
      for (let n = 0; n < most; n++) {
        const j = load<i32>(lists + ((query * most + n) << 2));
        if (j < 0) break;
        const entry = (query * heads * most + n) << 2;
        if (load<f32>(masks + entry) >= 1) continue;
        let sum = dcost;
        for (let head = 0; dmasks && head < heads; head++) sum += load<f32>(dmasks + entry + ((head * most) << 2));
        const span = spanAt(dbefore, down, row, j, segment, past, capacity);
        store<f32>(span, load<f32>(span) + sum / ramp);
      }
    }
  }
}
