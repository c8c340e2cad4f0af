/** The body of a request as text, up to a limit. */
import type { IncomingMessage } from "node:http";
import { decodeUnicode } from "../base/unicode.ts";
import { Refusal } from "./refusals.ts";

/** @throws Refusal for a body of more than `most` bytes, as soon as that is known, or one that is not text */
export async function readText(request: IncomingMessage, most: number, signal: AbortSignal): Promise<string> {
  if (Number(request.headers["content-length"] ?? 0) > most) throw tooLarge(most);
  const text = decodeUnicode(await readBytes(request, most, signal));
  if (typeof text === "string") return text;
  throw new Refusal(400, `the body is not ${text.encoding} text: byte ${text.offset} cannot be read`);
}

function readBytes(request: IncomingMessage, most: number, signal: AbortSignal): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    request.on("data", (piece: Uint8Array) => {
      pieces.push(piece);
      size += piece.length;
      if (size <= most) return;
      pieces.length = 0; // and what still comes is dropped
      reject(tooLarge(most));
    });
    request.on("end", () => resolve(Buffer.concat(pieces)));
    request.on("error", reject);
  });
}

function tooLarge(most: number): Refusal {
  return new Refusal(413, `the body has more than ${most} bytes; --max-body sets that limit`);
}
