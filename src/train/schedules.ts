/**
 * Learning-rate schedules: pure functions from the step to a factor on the configured rate. Steps count from 1.
 */
import { check, numberWithin, whole } from "../base/check.ts";
import { cos } from "../base/portable-math.ts";

/** Factor at `step` (1, 2, …), in (0, 1]. */
export type Schedule = (step: number) => number;

const aStep = whole(0);
const aShare = numberWithin(0, 1);

/** A linear rise from 1/warmup at step 1 to 1 at step `warmup`, then 1. */
function warmUp(step: number, warmup: number): number {
  return step < warmup ? step / warmup : 1;
}

/** Linear warm-up, then 1. */
export function constant(warmup = 0): Schedule {
  check("warmup", warmup, aStep);
  return (step) => warmUp(step, warmup);
}

/**
 * Linear warm-up, then √(warmup / step), the paper's schedule. The paper's rate is 1/√step after 1,000 steps, relative to the
 * parameter's RMS. That is Adafactor with a rate of 1/√1000 = 0.0316 and this schedule with a warm-up of 1,000.
 */
export function rsqrt(warmup: number): Schedule {
  check("warmup", warmup, aStep);
  const least = Math.max(1, warmup);
  return (step) => warmUp(step, warmup) * Math.sqrt(least / Math.max(step, least));
}

/** Linear warm-up, then half a cosine from 1 to `final` at step `steps`, and `final` after it. */
export function cosine(steps: number, warmup = 0, final = 0.1): Schedule {
  check("steps", steps, aStep);
  check("warmup", warmup, aStep);
  check("final", final, aShare);
  return (step) => {
    if (step < warmup) return warmUp(step, warmup);
    const progress = Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
    return final + (1 - final) * 0.5 * (1 + cos(Math.PI * progress));
  };
}
