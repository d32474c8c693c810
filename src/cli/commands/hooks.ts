/** The command `hooks`: lists, tests and reloads hooks, and shows their runs. */

import { join } from "node:path";
import { commandEnvironmentOptions } from "../../app/automation.ts";
import { toHookEvent } from "../../automation/hooks/event.ts";
import { parseHooksFile } from "../../automation/hooks/file.ts";
import { callHook, type Hook } from "../../automation/hooks/hook.ts";
import { sampleEvent } from "../../automation/hooks/sample_event.ts";
import type { Flags } from "../../config/config.ts";
import type { GatewayConfig } from "../../config/gateway_config.ts";
import type { GatewayEvent } from "../../domain/events.ts";
import { hookView } from "../../http/admin/hooks.ts";
import { resultView } from "../../http/admin/runs.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { errorText } from "../../lib/error_text.ts";
import { readTextFile } from "../../lib/files.ts";
import { type AdminAnswer, AdminClient } from "../client/admin_client.ts";
import { locateGateway } from "../client/location.ts";
import { formatRun, jsonText, printRows, printRuns } from "../output.ts";

/** Runs `hooks ACTION`. */
export async function hooks(flags: Flags, words: readonly string[]): Promise<number> {
  const [action, name] = words;
  if (action === "test" && name === undefined) throw new ConfigError("Missing: the hook's name");
  const json = Boolean(flags.json);
  const event = flags.event === undefined ? undefined : String(flags.event);
  const admin = new AdminClient(await locateGateway(flags));
  switch (action) {
    case "test":
      return await test(admin, { name: name!, event, json });
    case "results": {
      const query = name === undefined ? "" : `?name=${encodeURIComponent(name)}`;
      const { results } = await admin.queryGatewayOrStore({ path: `/hooks/results${query}` });
      return printRuns(results as readonly AdminAnswer[], { kind: "hook", json });
    }
    case "reload":
      await admin.query({ path: "/reload", body: {} });
      console.log("Reloaded.");
      return 0;
    default:
      return await list(admin, { json });
  }
}

async function list(
  admin: AdminClient,
  { json }: { readonly json: boolean },
): Promise<number> {
  const answer = await admin.queryOr({ path: "/hooks" }, async (config) => {
    const found = await readHooks(config);
    const idle = { source: "hooks.yaml", queued: 0, running: false, dropped: 0 };
    return { hooks: found.map((hook) => hookView({ hook, ...idle })) };
  });
  return printRows(answer.hooks as readonly AdminAnswer[], {
    json,
    empty: "There are no hooks.",
    head: ["NAME", "EVENT", "STATE", "QUEUED", "DROPPED", "SOURCE", "DESCRIPTION"],
    cells: (hook) => [
      hook.name,
      hook.event,
      hook.enabled ? hook.running ? "running" : "on" : "off",
      hook.queued,
      hook.dropped,
      hook.source,
      hook.description,
    ],
  });
}

interface TestOptions {
  readonly name: string;
  /** The name of the sample event. Default: one that the hook listens to. */
  readonly event: string | undefined;
  readonly json: boolean;
}

async function test(admin: AdminClient, { name, event, json }: TestOptions): Promise<number> {
  const result = await admin.queryOr(
    { path: `/hooks/${encodeURIComponent(name)}/test`, body: { event } },
    (config) => testOffline(config, { name, event }),
  );
  if (json) console.log(jsonText(result));
  else console.log(formatRun({ ...result, trigger: result.event }));
  return result.ok ? 0 : 1;
}

async function testOffline(
  config: GatewayConfig,
  { name, event: eventName }: Omit<TestOptions, "json">,
): Promise<AdminAnswer> {
  const hook = (await readHooks(config)).find((hook) => hook.name === name);
  if (!hook) throw new ConfigError(`There is no hook "${name}" in hooks.yaml`);
  const event = sampleFor(hook, eventName);
  const { signal } = new AbortController();
  const result = await callHook(
    { hook, event: toHookEvent(event) },
    { ...commandEnvironmentOptions(config), signal },
  );
  return { name, event: event.name, ...resultView(result) };
}

function sampleFor(hook: Hook, name: string | undefined): GatewayEvent {
  try {
    return sampleEvent(hook, { name });
  } catch (error) {
    throw new ConfigError(errorText(error), { cause: error });
  }
}

async function readHooks({ hooksDir }: GatewayConfig): Promise<readonly Hook[]> {
  const path = join(hooksDir, "hooks.yaml");
  const text = await readTextFile(path);
  return text === undefined ? [] : await parseHooksFile(text, path);
}
