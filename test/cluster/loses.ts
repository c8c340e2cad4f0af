/** An exchange as a process sees it that loses answers: what it writes is written, and it is told that somebody else was first. */
import type { Exchange } from "../../src/cluster/exchange.ts";

export interface Losing {
  readonly exchange: Exchange;
  /** From now on all answers arrive. */
  readonly end: () => void;
}

/** Loses the answers to the first `count` writes [all]. */
export function loses(exchange: Exchange, count = Infinity): Losing {
  let left = count;
  const write: Exchange["write"] = async (...args) => {
    const revision = await exchange.write(...args);
    return left-- > 0 ? undefined : revision;
  };
  const get = (target: Exchange, key: string | symbol) => (key === "write" ? write : Reflect.get(target, key));
  const end = () => {
    left = 0;
  };
  return { exchange: new Proxy(exchange, { get }), end };
}
