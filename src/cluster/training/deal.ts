/** Dealing things in a row out to several hands: each gets neighbours, and nobody gets two more than another. */

/** Things from `from` up to `to`, which is not one of them. */
export interface Share {
  readonly from: number;
  readonly to: number;
}

/** The shares of `hands` hands, at most one for each thing. */
export function deal(things: number, hands: number): Share[] {
  const border = (hand: number) => Math.floor((hand * things) / hands);
  return Array.from({ length: hands }, (_, hand) => ({ from: border(hand), to: border(hand + 1) }));
}
