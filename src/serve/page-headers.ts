/** The headers of the page: its policy, and what browsers want before they let threads share memory. page/build.mjs uses them too. */

/** Scripts, styles and requests of the page's own site and nothing else; WebAssembly may be compiled, text may not become code. */
export const pagePolicy =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "worker-src 'self'; base-uri 'none'; form-action 'none'";

/** Sent with every file. A worker has the policy of its own file, so the one inside the page is not enough. */
export const pageHeaders: Readonly<Record<string, string>> = {
  "content-security-policy": `${pagePolicy}; frame-ancestors 'none'`,
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};
