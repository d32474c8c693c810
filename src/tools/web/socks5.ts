/**
 * The server side of SOCKS5 (RFC 1928) with user name and password (RFC 1929), for TCP connections
 * only, and the relay between two connections. Used by the egress guard.
 */

import { isIP } from "node:net";

/** Reply codes. */
const replies = { done: 0, failed: 1, refused: 2, unreachable: 4 } as const;

/** A client's request for a connection. */
export interface SocksRequest {
  readonly username: string;
  readonly password: string;
  /** A host name, or an IP address without brackets. */
  readonly hostname: string;
  readonly port: number;
}

/** Reads a request; undefined if the client does not speak SOCKS5 with user name and password. */
export async function readSocksRequest(conn: Deno.Conn): Promise<SocksRequest | undefined> {
  const [version, methodCount] = await readBytes(conn, 2);
  if (version !== 5) return undefined;
  const methods = await readBytes(conn, methodCount!);
  if (!methods.includes(2)) {
    await write(conn, [5, 0xff]);
    return undefined;
  }
  await write(conn, [5, 2]);
  if ((await readBytes(conn, 1))[0] !== 1) return undefined;
  const username = await readText(conn);
  const password = await readText(conn);
  // The guard checks the credentials and refuses the request instead.
  await write(conn, [1, 0]);
  const [, command, , addressType] = await readBytes(conn, 4);
  if (command !== 1) return undefined;
  const hostname = await readHost(conn, addressType!);
  if (hostname === undefined) return undefined;
  const [high, low] = await readBytes(conn, 2);
  return { username, password, hostname, port: high! * 256 + low! };
}

/** Answers a request; after `done` the connection is relayed. */
export function answerSocks(conn: Deno.Conn, reply: keyof typeof replies): Promise<void> {
  return write(conn, [5, replies[reply], 0, 1, 0, 0, 0, 0, 0, 0]);
}

async function readHost(conn: Deno.Conn, addressType: number): Promise<string | undefined> {
  if (addressType === 1) return (await readBytes(conn, 4)).join(".");
  // Deno sends an IPv6 address as a host name in brackets.
  if (addressType === 3) return (await readText(conn)).replace(/^\[(.*)\]$/, "$1");
  if (addressType !== 4) return undefined;
  const bytes = await readBytes(conn, 16);
  const view = new DataView(bytes.buffer);
  return Array.from({ length: 8 }, (_, group) => view.getUint16(group * 2).toString(16)).join(":");
}

async function readText(conn: Deno.Conn): Promise<string> {
  const [length] = await readBytes(conn, 1);
  return new TextDecoder().decode(await readBytes(conn, length!));
}

/** Reads exactly `count` bytes. */
async function readBytes(conn: Deno.Conn, count: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count;) {
    const read = await conn.read(bytes.subarray(at));
    if (read === null) throw new Error("The connection was closed within a SOCKS request");
    at += read;
  }
  return bytes;
}

async function write(conn: Deno.Conn, bytes: readonly number[]): Promise<void> {
  await writeAll(conn, new Uint8Array(bytes));
}

/** Connects to the first address that answers; undefined if none does. */
export async function connectToAny(
  addresses: readonly string[],
  port: number,
): Promise<Deno.TcpConn | undefined> {
  // IPv4 first: without an IPv6 route, an IPv6 attempt would use up the time.
  for (const hostname of [...addresses].sort((a, b) => isIP(a) - isIP(b))) {
    try {
      return await Deno.connect({ hostname, port });
    } catch {
      // Try the next address.
    }
  }
  return undefined;
}

/** Copies data between two connections in both directions until both have ended. */
export async function relay(one: Deno.Conn, other: Deno.Conn): Promise<void> {
  await Promise.all([copy(one, other), copy(other, one)]);
}

async function copy(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  try {
    for (;;) {
      const count = await from.read(buffer);
      if (count === null) break;
      await writeAll(to, buffer.subarray(0, count));
    }
    await to.closeWrite();
  } catch (error) {
    // The other direction cannot continue either.
    close(from);
    close(to);
    throw error;
  }
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** Closes a connection that may already be closed. */
export function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // Already closed.
  }
}
