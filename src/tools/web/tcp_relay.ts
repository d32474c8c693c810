/** What two TCP connections need that stand for one. Used by the egress guard. */

import { isIP } from "node:net";

/** Connects to the first address that answers; undefined where none does. */
export async function connectToAny(
  addresses: readonly string[],
  port: number,
): Promise<Deno.TcpConn | undefined> {
  // IPv4 first: where IPv6 leads nowhere, the wait for it would use up the time.
  for (const hostname of [...addresses].sort((a, b) => isIP(a) - isIP(b))) {
    try {
      return await Deno.connect({ hostname, port });
    } catch {
      // The next address may answer.
    }
  }
  return undefined;
}

/** Carries what two sides say to each other, until both have ended. */
export async function relay(one: Deno.Conn, other: Deno.Conn): Promise<void> {
  await Promise.all([copy(one, other), copy(other, one)]);
}

/** Carries one direction. */
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
    // A side that broke leaves nothing to carry in the other direction either.
    close(from);
    close(to);
    throw error;
  }
}

/** Writes all bytes, however many writes that takes. */
export async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** Closes a connection that may be closed already. */
export function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // As said.
  }
}
