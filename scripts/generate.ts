/**
 * Writes what is made from the code: the table of settings in README.md, and the JSON Schema and
 * AsyncAPI documents of the protocol under docs/. With `--check` it writes nothing and fails where
 * a file is not current.
 */

import * as z from "zod";
import * as clara1 from "../src/protocol/clara1.ts";
import * as claraPy from "../src/protocol/clara_py.ts";
import { mcpRequests, mcpResponses } from "../src/protocol/mcp_frames.ts";
import type { Setting } from "../src/config/setting.ts";
import { settings } from "../src/config/settings.ts";
import { version } from "../src/config/version.ts";

const check = Deno.args.includes("--check");
let stale = 0;

function settingsTable(): string {
  const rows = (Object.values(settings) as Setting<unknown>[]).map(({ env, flag, shown, help }) => {
    const name = flag ? `\`${env}\` (\`--${flag}\`)` : `\`${env}\``;
    return [name, shown.includes("(") ? shown : `\`${shown}\``, help];
  });
  return markdownTable([["Setting", "Default", "Meaning"], ...rows]);
}

/** A table with its columns aligned, as the formatter wants it. The first row is the head. */
function markdownTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const padded = rows.map((row) => line(row.map((cell, column) => cell.padEnd(widths[column]!))));
  return [padded[0], line(widths.map((width) => "-".repeat(width))), ...padded.slice(1)].join("\n");
}

type Schemas = Readonly<Record<string, z.ZodType>>;

function jsonSchemas(schemas: Schemas, io: "input" | "output") {
  return Object.fromEntries(
    Object.entries(schemas).map(([type, schema]) => {
      const { $schema: _, ...json } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
      return [type, json];
    }),
  );
}

/** By direction and dialect, then by frame type. */
const definitions = {
  adapterToGateway: {
    "clara-1": jsonSchemas({ ...clara1.adapterFrames, ...mcpRequests }, "input"),
    "clara-py": jsonSchemas(
      { ...clara1.adapterFrames, ...mcpRequests, message: claraPy.message },
      "input",
    ),
  },
  gatewayToAdapter: {
    "clara-1": jsonSchemas({ ...clara1.gatewayFrames, ...mcpResponses }, "output"),
    "clara-py": jsonSchemas({ ...claraPy.gatewayFrames, ...mcpResponses }, "output"),
  },
};

function asyncApi() {
  const messages = (frames: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(
      Object.entries(frames).map(([name, payload]) => [name, { name, payload }]),
    );
  const channels = {
    fromAdapter: {
      address: "/",
      messages: messages(definitions.adapterToGateway["clara-1"]),
    },
    toAdapter: {
      address: "/",
      messages: messages(definitions.gatewayToAdapter["clara-1"]),
    },
  };
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Clara gateway, dialect clara-1",
      version,
      description: "JSON text frames over one WebSocket. See protocol.md.",
    },
    servers: { local: { host: "127.0.0.1:18789", protocol: "ws" } },
    channels,
    operations: {
      receiveFromAdapter: { action: "receive", channel: { $ref: "#/channels/fromAdapter" } },
      sendToAdapter: { action: "send", channel: { $ref: "#/channels/toAdapter" } },
    },
  };
}

function write(path: string, text: string): void {
  const url = new URL(`../${path}`, import.meta.url);
  let found = "";
  try {
    found = Deno.readTextFileSync(url);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  if (found === text) return;
  if (check) {
    console.error(`${path} is not current: run deno task generate`);
    stale++;
  } else {
    Deno.writeTextFileSync(url, text);
    console.log(`wrote ${path}`);
  }
}

/** Replaces what stands between a file's two markers. */
function writeBetween(path: string, marker: string, text: string): void {
  const old = Deno.readTextFileSync(new URL(`../${path}`, import.meta.url));
  const [begin, end] = [`<!-- ${marker} -->`, `<!-- /${marker} -->`];
  const [from, to] = [old.indexOf(begin) + begin.length, old.indexOf(end)];
  if (from < begin.length || to < from) {
    throw new Error(`${path} lacks the markers ${begin} ${end}`);
  }
  write(path, `${old.slice(0, from)}\n\n${text}\n\n${old.slice(to)}`);
}

writeBetween("README.md", "settings", settingsTable());
write("docs/protocol.schema.json", `${JSON.stringify(definitions, null, 2)}\n`);
write("docs/asyncapi.json", `${JSON.stringify(asyncApi(), null, 2)}\n`);
if (stale > 0) Deno.exit(1);
