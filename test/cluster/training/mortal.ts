/** An exchange as a process sees it that can be killed: from then on nothing that it does has any effect. */
import type { Exchange } from "../../../src/cluster/exchange.ts";

export interface Mortal {
  readonly exchange: Exchange;
  readonly kill: () => void;
  /** As a process that was stopped and goes on. */
  readonly revive: () => void;
  /** How often something was written into a slot. Signs of life do not count: how many there are depends on the machine. */
  readonly writes: () => number;
}

export interface Fate {
  /** It dies at the write of this number into a slot. */
  readonly killAfter?: number;
  /** Nothing is written into a slot before this resolves. */
  readonly gate?: Promise<void>;
}

export function mortal(exchange: Exchange, { killAfter = Infinity, gate }: Fate = {}): Mortal {
  let [isDead, writes] = [false, 0];
  const get = (target: Exchange, key: keyof Exchange) => {
    const value = target[key];
    if (typeof value !== "function") return value;
    return async (...args: unknown[]) => {
      if (isDead) throw new Error("this process was killed");
      const isSlot = key === "write" && args[0] === "slots";
      if (isSlot && ++writes >= killAfter) isDead = true;
      if (isSlot) await gate;
      return (value as (...all: unknown[]) => unknown).apply(target, args);
    };
  };
  return {
    exchange: new Proxy(exchange, { get: (target, key) => get(target, key as keyof Exchange) }),
    kill: () => {
      isDead = true;
    },
    revive: () => {
      isDead = false;
    },
    writes: () => writes,
  };
}
