/**
 * An operator, an account and a user of a NATS server, as `nsc` would make them: a configuration that knows the operator, and the .creds file
 * of the user. Claims are JSON web tokens, signed with NATS' own keys.
 */
import { Buffer } from "node:buffer";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { nkeys } from "@nats-io/transport-node";

const base64 = (text: string | Uint8Array) => Buffer.from(text).toString("base64url");

/** A token that says `nats` of `subject`, signed by `issuer`. */
function token(issuer: nkeys.KeyPair, subject: nkeys.KeyPair, name: string, nats: object): string {
  const claims = { jti: name, iat: 1_700_000_000, iss: issuer.getPublicKey(), sub: subject.getPublicKey(), name, nats };
  const body = `${base64('{"typ":"JWT","alg":"ed25519-nkey"}')}.${base64(JSON.stringify(claims))}`;
  return `${body}.${base64(issuer.sign(new TextEncoder().encode(body)))}`;
}

const UNLIMITED = Object.fromEntries(
  ["subs", "data", "payload", "imports", "exports", "conn", "leaf"].map((limit) => [limit, -1]),
);
const STORAGE = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };

/** Writes `server.conf` and `user.creds` into `folder`, and returns their paths. */
export function writeAccounts(folder: string): { readonly config: string; readonly credentials: string } {
  const [operator, system, account, user] = [
    nkeys.createOperator(),
    nkeys.createAccount(),
    nkeys.createAccount(),
    nkeys.createUser(),
  ];
  const accountClaims = (limits: object) => ({
    limits: { ...UNLIMITED, wildcards: true, ...limits },
    type: "account",
    version: 2,
  });
  const tokens = {
    operator: token(operator, operator, "operator", { type: "operator", version: 2 }),
    system: token(operator, system, "system", accountClaims({})),
    account: token(operator, account, "account", accountClaims(STORAGE)),
    user: token(account, user, "user", { pub: {}, sub: {}, subs: -1, data: -1, payload: -1, type: "user", version: 2 }),
  };
  const [config, credentials] = [join(folder, "server.conf"), join(folder, "user.creds")];
  const preload = [
    [system, tokens.system],
    [account, tokens.account],
  ] as const;
  const lines = preload.map(([pair, text]) => `  ${pair.getPublicKey()}: ${text}`);
  writeFileSync(
    config,
    `operator: ${tokens.operator}\nsystem_account: ${system.getPublicKey()}\nresolver: MEMORY\nresolver_preload: {\n${lines.join("\n")}\n}\n`,
  );
  const seed = new TextDecoder().decode(user.getSeed());
  const block = (title: string, text: string) => `-----BEGIN ${title}-----\n${text}\n------END ${title}------\n`;
  writeFileSync(credentials, `${block("NATS USER JWT", tokens.user)}\n${block("USER NKEY SEED", seed)}`);
  return { config, credentials };
}
