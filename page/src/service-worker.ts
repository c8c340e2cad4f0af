/**
 * Keeps the page for visits without a network, and gives its answers the headers that threads need where a host of static files
 * sends none. A new version of the page replaces the old one as a whole.
 */
interface Lifecycle extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Asking extends Event {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
interface Scope {
  readonly registration: { readonly scope: string };
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(type: "install" | "activate", listener: (event: Lifecycle) => void): void;
  addEventListener(type: "fetch", listener: (event: Asking) => void): void;
}

const scope = globalThis as unknown as Scope;
/** Caches belong to a whole site, which may have other pages with a service worker: the names of ours have the page's address. */
const SHELLS = `shell of ${scope.registration.scope} `;
const SHELL = `${SHELLS}${__SHELL__.digest}`;
/** The cache that the page's worker keeps models in, by their addresses. */
const MODELS = "models";

scope.addEventListener("install", (event) => event.waitUntil(keepShell().then(() => scope.skipWaiting())));
scope.addEventListener("activate", (event) => event.waitUntil(forgetOldShells().then(() => scope.clients.claim())));
scope.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "GET" && request.url.startsWith(scope.registration.scope)) event.respondWith(answer(request));
});

async function keepShell(): Promise<void> {
  const cache = await caches.open(SHELL);
  await cache.addAll(
    __SHELL__.files.map((file) => new Request(new URL(file, scope.registration.scope), { cache: "reload" })),
  );
}

async function forgetOldShells(): Promise<void> {
  const old = (await caches.keys()).filter((name) => name.startsWith(SHELLS) && name !== SHELL);
  await Promise.all(old.map((name) => caches.delete(name)));
}

/** From the caches, or else from the network. The query of the page itself, such as `?sample=novel`, is for its script. */
async function answer(request: Request): Promise<Response> {
  const { origin, pathname } = new URL(request.url);
  const isPage = [scope.registration.scope, `${scope.registration.scope}index.html`].includes(origin + pathname);
  const asked = isPage ? scope.registration.scope : request;
  const shell = await caches.match(asked, { cacheName: SHELL, ignoreSearch: isPage });
  const cached = shell ?? (await caches.match(request, { cacheName: MODELS }));
  return isolated(cached ?? (await fetch(request)));
}

function isolated(response: Response): Response {
  if (response.type === "opaqueredirect" || response.status === 0) return response;
  const headers = new Headers(response.headers);
  headers.set("cross-origin-opener-policy", "same-origin");
  headers.set("cross-origin-embedder-policy", "require-corp");
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}
