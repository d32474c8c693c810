/**
 * The command `hooks`: which hooks there are, how they went, and trying one out; of a running gateway
 * if there is one, else from the files.
 */

import { join } from "node:path";
import { hookView } from "../../http/admin/hooks.ts";
import { resultView } from "../../http/admin/runs.ts";
import { commandEnvironmentOptions } from "../../app/automation.ts";
import { type Flags, readConfig } from "../../config/config.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { errorText } from "../../lib/error_text.ts";
import type { GatewayEvent } from "../../domain/events.ts";
import { callHook, type Hook } from "../../automation/hooks/hook.ts";
import { toHookEvent } from "../../automation/hooks/event.ts";
import { parseHooksFile } from "../../automation/hooks/file.ts";
import { sampleEvent } from "../../automation/hooks/sample_event.ts";
import { readIfPresent } from "../../lib/yaml.ts";
import { type AdminAnswer, askAdmin, ifRunning, sayRefusal } from "../client/admin_client.ts";
import { jsonText, runLines, table } from "../output.ts";
import { showResults } from "./run_results.ts";

/** Runs the command; resolves with the exit code. @throws {ConfigError} for wrong usage. */
export function hooks(args: readonly string[], flags: Flags): Promise<number> {
  return sayRefusal(() => act(args, flags));
}

async function act(args: readonly string[], flags: Flags): Promise<number> {
  const [action, name] = args;
  switch (action) {
    case "list":
      return await list(flags);
    case "test":
      if (name === undefined) throw new ConfigError("Missing: the hook's name");
      return await test(name, flags);
    case "results":
      return await showResults(flags, { kind: "hook", name });
    case "reload":
      return await reload(flags);
    default:
      throw new ConfigError(
        `Unknown: hooks ${action}. clara-gateway hooks --help says what there is.`,
      );
  }
}

async function reload(flags: Flags): Promise<number> {
  await askAdmin(flags, { path: "/reload", body: {} });
  console.log("Read again; what is in the files is in force.");
  return 0;
}

async function list(flags: Flags): Promise<number> {
  const found = await ifRunning(
    () => askAdmin(flags, { path: "/hooks" }),
    async () => ({
      hooks: (await fileHooks(flags)).map((hook) =>
        hookView({ hook, source: "hooks.yaml", queued: 0, running: false, dropped: 0 })
      ),
    }),
  );
  const rows = found.hooks as readonly AdminAnswer[];
  if (flags.json) console.log(jsonText(rows));
  else if (rows.length === 0) console.log("There are no hooks.");
  else {
    const head = ["NAME", "EVENT", "STATE", "WAITING", "DROPPED", "FROM", "DESCRIPTION"];
    console.log(table([
      head,
      ...rows.map((hook) => [
        String(hook.name),
        String(hook.event),
        hook.enabled ? hook.running ? "running" : "on" : "off",
        String(hook.queued),
        String(hook.dropped),
        String(hook.source),
        String(hook.description),
      ]),
    ]));
  }
  return 0;
}

async function test(name: string, flags: Flags): Promise<number> {
  const event = flags.event === undefined ? undefined : String(flags.event);
  const result = await ifRunning(
    () => askAdmin(flags, { path: `/hooks/${encodeURIComponent(name)}/test`, body: { event } }),
    () => testFromFile(name, event, flags),
  );
  if (flags.json) console.log(jsonText(result));
  else console.log(runLines({ ...result, trigger: result.event }));
  return result.ok ? 0 : 1;
}

async function testFromFile(
  name: string,
  eventName: string | undefined,
  flags: Flags,
): Promise<AdminAnswer> {
  const hook = (await fileHooks(flags)).find((hook) => hook.name === name);
  if (!hook) throw new ConfigError(`There is no hook "${name}" in hooks.yaml`);
  const event = sampleFor(hook, eventName);
  const { signal } = new AbortController();
  const result = await callHook(
    { hook, event: toHookEvent(event) },
    { ...commandEnvironmentOptions(readConfig(flags)), signal },
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

async function fileHooks(flags: Flags): Promise<readonly Hook[]> {
  const path = join(readConfig(flags).hooksDir, "hooks.yaml");
  const text = await readIfPresent(path);
  return text === undefined ? [] : await parseHooksFile(text, path);
}
