import assert from "node:assert/strict";
import { originAllowed } from "../../src/access/origin_policy.ts";

const cases: readonly {
  readonly name: string;
  readonly origin?: string;
  readonly host: string;
  readonly allowed: boolean;
}[] = [
  { name: "a program without an Origin", host: "127.0.0.1:18789", allowed: true },
  {
    name: "a page from the gateway itself",
    origin: "http://127.0.0.1:18789",
    host: "127.0.0.1:18789",
    allowed: true,
  },
  {
    name: "a page from the gateway as localhost",
    origin: "http://localhost:18789",
    host: "localhost:18789",
    allowed: true,
  },
  {
    name: "a page from the gateway over IPv6",
    origin: "http://[::1]:18789",
    host: "[::1]:18789",
    allowed: true,
  },
  {
    name: "a page from an allowed origin",
    origin: "https://chat.example",
    host: "127.0.0.1:18789",
    allowed: true,
  },
  {
    name: "a page from another site",
    origin: "https://evil.example",
    host: "127.0.0.1:18789",
    allowed: false,
  },
  {
    name: "a page from another port of this machine",
    origin: "http://127.0.0.1:3000",
    host: "127.0.0.1:18789",
    allowed: false,
  },
  {
    name: "a site whose name resolves to this machine",
    origin: "http://evil.example:18789",
    host: "evil.example:18789",
    allowed: false,
  },
  {
    name: "a site whose name looks like an address",
    origin: "http://127.0.0.1.evil.example:18789",
    host: "127.0.0.1.evil.example:18789",
    allowed: false,
  },
  { name: "a page with origin null", origin: "null", host: "127.0.0.1:18789", allowed: false },
  { name: "an invalid origin", origin: "http://", host: "127.0.0.1:18789", allowed: false },
  { name: "an empty origin", origin: "", host: "127.0.0.1:18789", allowed: false },
  {
    name: "the allowed host with another scheme",
    origin: "http://chat.example",
    host: "127.0.0.1:18789",
    allowed: false,
  },
];

for (const { name, origin, host, allowed } of cases) {
  Deno.test(`${name} ${allowed ? "may" : "may not"} connect`, () => {
    const headers = new Headers({ host, ...(origin !== undefined && { origin }) });
    assert.equal(originAllowed(headers, { allowed: ["https://chat.example"] }), allowed);
  });
}
