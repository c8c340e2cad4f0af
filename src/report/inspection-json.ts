/**
 * An inspection as one JSON document, for other programs: sums first, then every token with all that was kept of what it
 * retrieved. It comes in pieces, because a long document makes hundreds of megabytes.
 */
import type { Inspection } from "../inspect/inspect.ts";
import type { InspectionSummary } from "../inspect/inspection-summary.ts";
import type { InspectedText } from "./inspected-text.ts";

/** Tokens in a piece. */
const PIECE = 256;

/** Pieces that are the document when joined. Losses are nats; tokens that were read before the document are below 0. */
export function* inspectionJson(
  inspection: Inspection,
  { all, kinds, occurrences, distances, documents, mostGained }: InspectionSummary,
  text: InspectedText,
): Generator<string, void> {
  const { name, memorySize, heads, ids } = inspection;
  const head = { document: name, memory: memorySize, all, kinds, occurrences, distances, documents, mostGained, heads };
  yield `${JSON.stringify(head).slice(0, -1)},"tokens":[`;
  for (let begin = 0; begin < ids.length; begin += PIECE) {
    const tokens = Array.from(ids.subarray(begin, begin + PIECE), (_, i) => tokenRecord(inspection, text, begin + i));
    yield `${begin === 0 ? "" : ","}\n${tokens.map((token) => JSON.stringify(token)).join(",\n")}`;
  }
  yield "\n]}\n";
}

function tokenRecord(inspection: Inspection, text: InspectedText, token: number) {
  const { ids, nats, natsWithout, gates, heads, retrieved } = inspection;
  return {
    index: token,
    id: ids[token],
    text: text.text(token),
    line: text.line(token),
    nats: rounded(nats[token]),
    natsWithout: rounded(natsWithout[token]),
    gates: Array.from(gates.subarray(token * heads.length, (token + 1) * heads.length), rounded),
    retrieved: retrieved.list(token).map(({ head, token: of, score, weight, share }) => ({
      ...heads[head],
      document: text.document(of),
      index: of,
      text: text.text(of),
      line: text.line(of),
      score: rounded(score),
      weight: rounded(weight),
      share: rounded(share),
    })),
  };
}

/** The number with the seven digits that a float32 has. */
function rounded(value: number): number {
  return Number(value.toPrecision(7));
}
