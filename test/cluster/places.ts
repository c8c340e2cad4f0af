/** Tests that hold for an exchange in a directory and for one on a server. */
import * as assert from "uvu/assert";
import type { Exchange } from "../../src/cluster/exchange.ts";
import type { Suite } from "../harness.ts";
import { NatsServer, noServer } from "./nats-server.ts";

/** What a record may hold besides what this program writes. */
export const DAMAGES = [
  "{oops",
  "7",
  "[]",
  '"text"',
  "{}",
  '{"begun":-1,"failures":"x","proof":1,"tree":"../../x","error":7,"jobs":["../x"],"title":1,"began":null}',
  '{"leader":"","lease":1,"beat":1,"task":{"round":1,"attempt":0,"step":0,"steps":1,"members":[],"begin":null}}',
  "[".repeat(200_000),
  "\u0000\ufffd",
];

/** Where the exchange of a test is; the second part ends it. */
type Place = () => Promise<readonly [string, () => Promise<void>]>;

/** Registers a test for both. `body` gets the place of an empty exchange. */
export function holdsAt(test: Suite, newFolder: () => string) {
  const places: readonly (readonly [string, string | undefined, Place])[] = [
    ["a directory", undefined, async () => [newFolder(), async () => {}]],
    [
      "NATS",
      noServer,
      async () => {
        const server = await NatsServer.start(newFolder());
        return [server.url, () => server.kill()];
      },
    ],
  ];
  return (title: string, body: (place: string) => Promise<void>): void => {
    for (const [name, reason, begin] of places) {
      test.unless(reason, `${name}: ${title}`, async () => {
        const [place, end] = await begin();
        try {
          await body(place);
        } finally {
          await end();
        }
      });
    }
  };
}

/** Writes a record, whatever it was. */
export async function overwrite(exchange: Exchange, map: string, key: string, value: Uint8Array): Promise<void> {
  const revision = (await exchange.read(map, key))?.revision ?? 0;
  assert.ok((await exchange.write(map, key, value, revision)) !== undefined);
}
