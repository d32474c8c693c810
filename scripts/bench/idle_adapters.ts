/** The cost of connected but silent adapters. */

import { IdleSocket } from "../../tests/support/adapter/idle_socket.ts";
import { residentMb } from "../../tests/support/process/processes.ts";
import { count, type Table } from "./figures.ts";
import { startGateway } from "./gateway.ts";

/** Sockets opened at once. */
const atOnce = 50;

export async function idleAdapters(
  { counts }: { readonly counts: readonly number[] },
  report: (text: string) => void,
): Promise<Table> {
  const rows: string[][] = [];
  for (const adapters of counts) {
    report(`${adapters} idle adapters`);
    await using gateway = await startGateway();
    const before = await settledMb(gateway.pid);
    const startedAt = performance.now();
    const sockets = await open(new URL(gateway.url), adapters);
    const seconds = (performance.now() - startedAt) / 1000;
    const after = await settledMb(gateway.pid);
    const { connections } = await gateway.health() as { connections?: number };
    rows.push([
      count(adapters),
      `${((after - before) * 1024 / adapters).toFixed(1)} KB`,
      `${before.toFixed(0)} MB`,
      `${after.toFixed(0)} MB`,
      count(adapters / seconds),
    ]);
    if (connections !== undefined && connections < adapters) throw new Error("Sockets were lost");
    sockets.forEach((socket) => socket[Symbol.dispose]());
  }
  return {
    title: "Idle adapters",
    head: ["adapters", "each", "memory without", "memory with", "registrations/s"],
    rows,
    note: "Resident memory of the gateway's process, with registered adapters on real sockets.",
  };
}

async function open({ hostname, port }: URL, adapters: number): Promise<readonly IdleSocket[]> {
  const sockets: IdleSocket[] = [];
  let next = 0;
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (;;) {
      const number = next++;
      if (number >= adapters) return;
      sockets.push(
        await IdleSocket.open({ hostname, port: Number(port), nodeId: `idle-${number}` }),
      );
    }
  }));
  return sockets;
}

/** Waits until memory is stable, because some is freed shortly after use. */
async function settledMb(pid: number): Promise<number> {
  let last = await residentMb(pid);
  for (let look = 0; look < 10; look++) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const found = await residentMb(pid);
    if (Math.abs(found - last) < 0.2) return found;
    last = found;
  }
  return last;
}
