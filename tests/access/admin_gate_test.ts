import assert from "node:assert/strict";
import { AdminGate } from "../../src/access/admin_gate.ts";
import { sharedKey } from "../../src/access/authenticator.ts";
import { Authenticator } from "../../src/access/authenticator.ts";

const local = "127.0.0.1";
const host = "127.0.0.1:18789";

const cases: readonly {
  readonly who: string;
  readonly secret?: string;
  readonly address?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly access: string;
}[] = [
  { who: "a program on this machine", headers: { host }, access: "ok" },
  {
    who: "a local program that uses the name localhost",
    headers: { host: "localhost:18789" },
    access: "ok",
  },
  {
    who: "a local program over IPv6",
    address: "::1",
    headers: { host: "[::1]:18789" },
    access: "ok",
  },
  {
    who: "a local program over IPv4-mapped IPv6",
    address: "::ffff:127.0.0.1",
    headers: { host },
    access: "ok",
  },
  { who: "another machine", address: "192.168.1.5", headers: { host }, access: "forbidden" },
  {
    who: "another machine over IPv4-mapped IPv6",
    address: "::ffff:10.0.0.1",
    headers: { host },
    access: "forbidden",
  },
  { who: "a request without Host", headers: {}, access: "forbidden" },
  {
    who: "a page whose name resolves to this machine",
    headers: { host: "evil.example:18789" },
    access: "forbidden",
  },
  {
    who: "a host name that starts like an address",
    headers: { host: "127.0.0.1.evil.example" },
    access: "forbidden",
  },
  {
    who: "a page from another site",
    headers: { host, origin: "https://evil.example" },
    access: "forbidden",
  },
  { who: "a page with origin null", headers: { host, origin: "null" }, access: "forbidden" },
  {
    who: "a page from an allowed origin",
    headers: { host, origin: "https://ok.example" },
    access: "ok",
  },
  {
    who: "a client with the secret",
    secret: "s3cret",
    address: "203.0.113.9",
    headers: { host: "gateway.example", authorization: "Bearer s3cret" },
    access: "ok",
  },
  {
    who: "a client with a secret that is not ASCII",
    secret: "sésame, ouvre toi",
    headers: { host, authorization: "Bearer sésame, ouvre toi" },
    access: "ok",
  },
  {
    who: "a client with a wrong secret",
    secret: "s3cret",
    headers: { host, authorization: "Bearer s3cre" },
    access: "unauthorized",
  },
  {
    who: "a local program without the secret",
    secret: "s3cret",
    headers: { host },
    access: "unauthorized",
  },
  {
    who: "a client with the secret in another scheme",
    secret: "s3cret",
    headers: { host, authorization: "Basic s3cret" },
    access: "unauthorized",
  },
  {
    who: "a page from another site with the secret",
    secret: "s3cret",
    headers: { host, origin: "https://evil.example", authorization: "Bearer s3cret" },
    access: "forbidden",
  },
];

for (const { who, secret, address = local, headers, access } of cases) {
  Deno.test(`${who}: ${access}`, () => {
    const gate = new AdminGate({
      authenticator: new Authenticator(secret === undefined ? [] : [sharedKey(secret)]),
      allowedOrigins: ["https://ok.example"],
    });
    assert.equal(gate.check(new Headers(headers), address).type, access);
  });
}
