/**
 * The server's side of SOCKS5 (RFC 1928) with name and password (RFC 1929), as far as a client
 * needs that opens TCP connections. Used by the egress guard; it neither resolves nor connects.
 */

import { writeAll } from "./tcp_relay.ts";

/** The codes of an answer. */
const replies = { done: 0, failed: 1, refused: 2, unreachable: 4 } as const;

/** What a client asks for. */
export interface SocksRequest {
  readonly username: string;
  readonly password: string;
  /** A name, or an IP address without brackets. */
  readonly hostname: string;
  readonly port: number;
}

/** Reads what a client asks for; undefined when it does not speak SOCKS5 with name and password. */
export async function readSocksRequest(conn: Deno.Conn): Promise<SocksRequest | undefined> {
  const [version, methodCount] = await read(conn, 2);
  if (version !== 5) return undefined;
  const methods = await read(conn, methodCount!);
  if (!methods.includes(2)) {
    await write(conn, [5, 0xff]);
    return undefined;
  }
  await write(conn, [5, 2]);
  if ((await read(conn, 1))[0] !== 1) return undefined;
  const username = await readText(conn);
  const password = await readText(conn);
  // Whoever it is, the guard says no to the request, not to the name.
  await write(conn, [1, 0]);
  const [, command, , addressType] = await read(conn, 4);
  if (command !== 1) return undefined;
  const hostname = await readHost(conn, addressType!);
  if (hostname === undefined) return undefined;
  const [high, low] = await read(conn, 2);
  return { username, password, hostname, port: high! * 256 + low! };
}

/** Answers a request; after `done` the connection carries what the two sides say. */
export function answerSocks(conn: Deno.Conn, reply: keyof typeof replies): Promise<void> {
  return write(conn, [5, replies[reply], 0, 1, 0, 0, 0, 0, 0, 0]);
}

async function readHost(conn: Deno.Conn, addressType: number): Promise<string | undefined> {
  if (addressType === 1) return (await read(conn, 4)).join(".");
  // Deno sends an IPv6 address as a name in brackets.
  if (addressType === 3) return (await readText(conn)).replace(/^\[(.*)\]$/, "$1");
  if (addressType !== 4) return undefined;
  const bytes = await read(conn, 16);
  const view = new DataView(bytes.buffer);
  return Array.from({ length: 8 }, (_, group) => view.getUint16(group * 2).toString(16)).join(":");
}

async function readText(conn: Deno.Conn): Promise<string> {
  const [length] = await read(conn, 1);
  return new TextDecoder().decode(await read(conn, length!));
}

/** Reads exactly so many bytes. */
async function read(conn: Deno.Conn, count: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count;) {
    const got = await conn.read(bytes.subarray(at));
    if (got === null) throw new Error("The connection ended within a SOCKS request");
    at += got;
  }
  return bytes;
}

async function write(conn: Deno.Conn, bytes: readonly number[]): Promise<void> {
  await writeAll(conn, new Uint8Array(bytes));
}
