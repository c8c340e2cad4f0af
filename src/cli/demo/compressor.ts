/** What a general compressor makes of a text after others: the yardstick for a model that has read them. */
import { brotliCompressSync, constants } from "node:zlib";

/**
 * Bits per byte that brotli at its best needs for `text` when it has read `before`: the bytes by which the compressed whole is larger
 * than `before` alone.
 */
export function brotliBits(before: string, text: string): number {
  const bytes = compressedBytes(before + text) - compressedBytes(before);
  return (8 * bytes) / Buffer.byteLength(text);
}

/** A window of 16 MB, so that nothing that was read is out of sight. */
function compressedBytes(text: string): number {
  const bytes = Buffer.from(text);
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  };
  return brotliCompressSync(bytes, { params }).length;
}
