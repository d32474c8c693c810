/** Whether memory stays flat under load. */

import { residentMb } from "../../tests/support/process/processes.ts";
import { count, type Table } from "./figures.ts";
import { startGateway } from "./gateway.ts";
import { gatewayFleet } from "./fleets.ts";

/** Number of samples, whatever the duration. */
const looks = 10;

export async function steady(
  { minutes }: { readonly minutes: number },
  report: (text: string) => void,
): Promise<Table> {
  await using gateway = await startGateway();
  const rows: string[][] = [];
  const idleMb = await residentMb(gateway.pid);
  rows.push(["0", "0", `${idleMb.toFixed(0)} MB`]);
  let turns = 0;
  for (let look = 1; look <= looks; look++) {
    report(`load, part ${look} of ${looks}`);
    const seconds = minutes * 60 / looks;
    // New channels and users in each part, as months would bring.
    using fleet = await gatewayFleet({ url: gateway.url, adapters: 20, lanes: 5 });
    const { turnsPerSecond } = await fleet.run({ warmUp: 0, seconds });
    turns += turnsPerSecond * seconds;
    const memory = `${(await residentMb(gateway.pid)).toFixed(0)} MB`;
    rows.push([(minutes * look / looks).toFixed(1), count(turns), memory]);
  }
  return {
    title: "Memory under load",
    head: ["minutes", "turns so far", "resident memory"],
    rows,
    note: "20 adapters with 5 channels each, always busy on the echo model.",
  };
}
