/**
 * `deno task bench`: how fast the gateway is, as Markdown tables, compared with what the machine
 * can do at best. The figures are for people, not pass or fail; docs/performance.md has the latest
 * ones.
 */

import { cpus, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { version } from "../src/config/version.ts";
import { type Table, toMarkdown } from "./bench/figures.ts";
import { compare } from "./bench/compare.ts";
import { growth } from "./bench/growth.ts";
import { idleAdapters } from "./bench/idle_adapters.ts";
import { latency } from "./bench/latency.ts";
import { startUp } from "./bench/start_up.ts";
import { steady } from "./bench/steady.ts";
import { throughput } from "./bench/throughput.ts";

const usage = `Usage: deno task bench [PART…] [--quick] [--minutes N] [--program FILE]

Measures the gateway and prints Markdown tables. Without a PART it measures all,
which takes about 15 minutes. Leave the machine idle meanwhile.

Parts:
  throughput  turns and frames per second with 1, 20 and 200 adapters
  latency     from a message to the model request, and from a delta to its frame
  idle        memory of 1,000 and 10,000 silent adapters
  start       start-up time and idle memory
  growth      cost of a turn as history, channels, sessions and queues grow
  steady      memory under load over several minutes
  compare     this checkout against another one, alternating (needs --base)

Options:
  --quick         fewer and shorter measurements
  --minutes N     duration of \`steady\` (default 10, with --quick 1)
  --base FOLDER   the other checkout to compare with, such as a clone of the commit before
  --rounds N      rounds of compare (default 5, with --quick 2)
  --program FILE  the compiled program measured by \`start\` (default dist/clara-gateway)
  --help          show this text`;

interface Size {
  readonly quick: boolean;
  readonly minutes: number;
  readonly program?: string;
  readonly base?: string;
  readonly rounds: number;
}

type Part = (size: Size, report: (text: string) => void) => Promise<Table>;

const parts: Readonly<Record<string, Part>> = {
  throughput: ({ quick }, report) =>
    throughput(quick ? { warmUp: 1, seconds: 3 } : { warmUp: 3, seconds: 10 }, report),
  latency: ({ quick }, report) => latency({ turns: quick ? 100 : 500 }, report),
  idle: ({ quick }, report) => idleAdapters({ counts: quick ? [1_000] : [1_000, 10_000] }, report),
  start: ({ quick, program }, report) => startUp({ runs: quick ? 3 : 10, program }, report),
  growth: ({ quick }, report) =>
    growth(quick ? { turns: 50, limit: 1_000 } : { turns: 200, limit: 100_000 }, report),
  steady: ({ minutes }, report) => steady({ minutes }, report),
  compare: ({ quick, base, rounds }, report) =>
    compare({ base: base!, rounds, seconds: quick ? 3 : 6 }, report),
};

function fail(problem: string): never {
  console.error(`${problem}\n\n${usage}`);
  Deno.exit(2);
}

function readArguments() {
  try {
    return parseArgs({
      args: Deno.args,
      allowPositionals: true,
      options: {
        quick: { type: "boolean", default: false },
        minutes: { type: "string" },
        base: { type: "string" },
        rounds: { type: "string" },
        program: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    fail((error as Error).message);
  }
}

const { values, positionals } = readArguments();
if (values.help) {
  console.log(usage);
  Deno.exit(0);
}
const unknown = positionals.filter((name) => !(name in parts));
if (unknown.length > 0) fail(`There is no part "${unknown[0]}".`);
const minutes = Number(values.minutes ?? (values.quick ? 1 : 10));
if (!(minutes > 0)) fail(`Cannot measure for "${values.minutes}" minutes.`);

const rounds = Number(values.rounds ?? (values.quick ? 2 : 5));
if (!(rounds > 0)) fail(`Cannot measure "${values.rounds}" rounds.`);
const { quick, program, base } = values;
if (positionals.includes("compare") && base === undefined) fail("compare needs --base FOLDER.");
const size: Size = { quick, minutes, program, base, rounds };
const report = (text: string) => console.error(`… ${text}`);
console.log(
  `Clara gateway ${version} on Deno ${Deno.version.deno} (V8 ${Deno.version.v8}), ` +
    `${Deno.build.os} ${Deno.osRelease()}, ${cpus().length} × ${cpus()[0]?.model ?? "unknown"}, ` +
    `${(totalmem() / 2 ** 30).toFixed(0)} GiB, ${new Date().toISOString().slice(0, 10)}\n`,
);
for (const [name, measure] of Object.entries(parts)) {
  const wanted = positionals.length > 0 ? positionals.includes(name) : name !== "compare";
  if (!wanted) continue;
  console.log(toMarkdown(await measure(size, report)));
}
