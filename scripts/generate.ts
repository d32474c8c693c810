/**
 * Writes the files under docs/ that are generated from the code: docs/settings.md, and the JSON Schema
 * and AsyncAPI documents of the protocol. With `--check` it writes nothing and fails if a file is stale.
 */

import * as z from "zod";
import * as clara1 from "../src/protocol/clara1.ts";
import * as claraPy from "../src/protocol/clara_py.ts";
import { mcpRequests, mcpResponses } from "../src/protocol/mcp_frames.ts";
import type { SettingTable } from "../src/config/setting.ts";
import { settingGroups } from "../src/config/settings.ts";
import { version } from "../src/config/version.ts";

const check = Deno.args.includes("--check");
let stale = 0;

const settingsIntro = `# Settings

<!-- Generated from src/config/settings.ts by \`deno task generate\`. Do not edit. -->

Set these in the environment or in a \`.env\` file. A command-line flag overrides the environment, and the
environment overrides \`.env\`. If settings are invalid, the gateway lists them all, with the allowed
values, and does not start. \`clara-gateway config\` shows the effective values and where they come from.
`;

/** docs/settings.md: a table for each group of settings. */
function settingsPage(): string {
  const sections = Object.entries(settingGroups).map(([title, group]) =>
    `## ${title}\n\n${settingsTable(group)}\n`
  );
  return [settingsIntro, ...sections].join("\n");
}

function settingsTable(group: SettingTable): string {
  const rows = Object.values(group).map(({ env, flag, shown, help }) => {
    const name = flag ? `\`${env}\`<br>\`--${flag}\`` : `\`${env}\``;
    return [name, shown.includes("(") ? shown : `\`${shown}\``, help];
  });
  return markdownTable([["Setting", "Default", "Meaning"], ...rows]);
}

/** A Markdown table with aligned columns, as `deno fmt` writes it. The first row is the header. */
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

/** JSON Schemas by direction, dialect and frame type. */
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
    console.error(`${path} is stale: run deno task generate`);
    stale++;
  } else {
    Deno.writeTextFileSync(url, text);
    console.log(`wrote ${path}`);
  }
}

write("docs/settings.md", settingsPage());
write("docs/protocol.schema.json", `${JSON.stringify(definitions, null, 2)}\n`);
write("docs/asyncapi.json", `${JSON.stringify(asyncApi(), null, 2)}\n`);
if (stale > 0) Deno.exit(1);
