/** `hooks.yaml` and `scheduler.yaml` changed, broken, repaired and removed at run time. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { AdapterClient } from "../support/adapter/client.ts";
import type { GatewayProcess } from "../support/process/gateway_process.ts";
import { admin, hookRuns, HooksFolder } from "../support/hooks_folder.ts";
import { TempFolder } from "../support/process/temp_folder.ts";

const yaml = (name: string, more = "") =>
  `hooks:
  - name: ${name}
    event: message:received
    command: echo ${name} >> log
${more}`;
const tasksYaml = (name: string, more = "") =>
  `tasks:
  - name: ${name}
    type: interval
    interval: 3600
    command: echo ${name}
${more}`;

/** The names of active hooks and tasks. */
async function names(gateway: GatewayProcess, what: "hooks" | "tasks"): Promise<readonly string[]> {
  const answer = await admin<Record<string, readonly { readonly name: string }[]>>(
    gateway,
    `/${what}`,
  );
  return answer[what]!.map(({ name }) => name);
}

/** Starts the gateway with an invalid file; returns its output. */
async function refusal(folder: HooksFolder): Promise<string> {
  try {
    await using _gateway = await folder.start();
  } catch (error) {
    const { message, cause } = error as Error;
    return `${message}\n${(cause as Error).message}`;
  }
  throw new Error("the gateway started");
}

Deno.test("a file that becomes invalid leaves the last valid one active; once repaired, it is used", async () => {
  await using folder = new HooksFolder();
  await Deno.writeTextFile(folder.hooksFile, yaml("one"));
  await Deno.writeTextFile(folder.schedulerFile, tasksYaml("first"));
  await using gateway = await folder.start();
  await using adapter = await AdapterClient.connect({ url: gateway.url });
  await Deno.writeTextFile(folder.hooksFile, yaml("two", "    tiemout: 5\n"));
  const wrong = await gateway.waitForLog(/tiemout/);
  assert.match(wrong, /"level":"(ERROR|error)"/);
  assert.match(wrong, /hooks\/hooks\.yaml:5: .*hooks\.0.*Unrecognized key: .*tiemout/);
  assert.match(wrong, /The last valid version stays active/);
  await Deno.writeTextFile(folder.schedulerFile, tasksYaml("second", "    timezone: Mars\n"));
  const wrongTask = await gateway.waitForLog(/timezone/);
  assert.match(wrongTask, /scheduler\.yaml:6: .*tasks\.0.*timezone/);
  assert.deepEqual(await names(gateway, "hooks"), ["one"]);
  assert.deepEqual(await names(gateway, "tasks"), ["first"]);
  await adapter.replyTo(adapter.say("Hello"));
  await hookRuns(gateway, "one", 1);
  assert.deepEqual(folder.lines("log"), ["one"]);
  // Reloading reports the error again.
  const { problems } = await admin<{ readonly problems: readonly string[] }>(
    gateway,
    "/reload",
    {},
  );
  assert.equal(problems.length, 2);
  assert.match(problems[0]!, /hooks\.yaml:5: .*tiemout/);

  await Deno.writeTextFile(folder.hooksFile, yaml("two", "    timeout: 5\n"));
  await gateway.waitForLog(/Reloaded .*hooks\.yaml/);
  await Deno.writeTextFile(folder.schedulerFile, tasksYaml("second"));
  await gateway.waitForLog(/Reloaded .*scheduler\.yaml/);
  assert.deepEqual(await names(gateway, "hooks"), ["two"]);
  assert.deepEqual(await names(gateway, "tasks"), ["second"]);
  await adapter.replyTo(adapter.say("Hello again"));
  await hookRuns(gateway, "two", 1);
  assert.deepEqual(folder.lines("log"), ["one", "two"]);
});

Deno.test("an invalid file prevents the start, and the error says where", async () => {
  for (const file of ["hooksFile", "schedulerFile"] as const) {
    await using folder = new HooksFolder();
    const text = file === "hooksFile" ? yaml("one", "    priority: high\n") : tasksYaml(
      "one",
      "    overlap: crash\n",
    );
    await Deno.writeTextFile(folder[file], text);
    const said = await refusal(folder);
    assert.match(said, file === "hooksFile" ? /hooks\.yaml:5: / : /scheduler\.yaml:6: /);
    assert.match(said, file === "hooksFile" ? /"hooks\.0\.priority"/ : /"tasks\.0\.overlap"/);
    assert.match(said, /ended with code 2/);
  }
});

Deno.test("SIGHUP reloads both files even if no change is visible", async () => {
  await using folder = new HooksFolder();
  await using elsewhere = new TempFolder();
  // The files are links, and their targets change in a folder that nobody watches.
  const hooks = join(elsewhere.path, "hooks.yaml");
  const tasks = join(elsewhere.path, "scheduler.yaml");
  await Deno.writeTextFile(hooks, yaml("one"));
  await Deno.writeTextFile(tasks, tasksYaml("first"));
  await Deno.remove(folder.hooksFile);
  await Deno.symlink(hooks, folder.hooksFile);
  await Deno.symlink(tasks, folder.schedulerFile);
  await using gateway = await folder.start();
  await listens(gateway);
  // The watcher's first poll may come as late as the first signal, but none comes after it.
  for (const round of ["two", "three"]) {
    const from = gateway.log.length;
    await Deno.writeTextFile(hooks, yaml(round));
    await Deno.writeTextFile(tasks, tasksYaml(round));
    Deno.kill(gateway.pid, "SIGHUP");
    await gateway.waitForLog(/Reloaded .*hooks\.yaml/, { from });
    await gateway.waitForLog(/Reloaded .*scheduler\.yaml/, { from });
    assert.deepEqual(await names(gateway, "hooks"), [round]);
    assert.deepEqual(await names(gateway, "tasks"), [round]);
  }
  await Deno.writeTextFile(hooks, "hooks: 5\n");
  Deno.kill(gateway.pid, "SIGHUP");
  await gateway.waitForLog(/hooks\.yaml:1: .*expected array/);
  assert.deepEqual(await names(gateway, "hooks"), ["three"]);
});

Deno.test("SIGHUP during the start does not end the gateway; the files are read when it has started", async () => {
  await using folder = new HooksFolder();
  await Deno.writeTextFile(folder.hooksFile, yaml("one"));
  // It was read before the plugins were, so this entry is active only if the file is read again.
  const changed = JSON.stringify(yaml("two"));
  await Deno.writeTextFile(
    join(folder.config.hooksDir, "signals.ts"),
    `export default async () => {
      await Deno.writeTextFile(import.meta.dirname + "/hooks.yaml", ${changed});
      Deno.kill(Deno.pid, "SIGHUP");
    };`,
  );
  await using gateway = await folder.start();
  await listens(gateway);
  await gateway.waitForLog(/Reloaded .*hooks\.yaml/);
  assert.deepEqual(await names(gateway, "hooks"), ["two"]);
});

/** Resolves when the gateway accepts adapters and signals. */
async function listens(gateway: GatewayProcess): Promise<void> {
  await using _adapter = await AdapterClient.connect({ url: gateway.url });
}

Deno.test("files may be renamed into place, appear later, and be removed", async () => {
  await using folder = new HooksFolder();
  await Deno.remove(join(folder.path, "hooks"), { recursive: true });
  // Only at the default path may a file be missing.
  await using gateway = await folder.start({
    cwd: folder.path,
    env: { CLARA_HOOKS_DIR: "", CLARA_SCHEDULER_DIR: "" },
  });
  assert.deepEqual(await names(gateway, "hooks"), []);
  await Deno.mkdir(join(folder.path, "hooks"));
  await Deno.writeTextFile(folder.hooksFile, yaml("one"));
  await gateway.waitForLog(/Reloaded .*hooks\.yaml/);
  assert.deepEqual(await names(gateway, "hooks"), ["one"]);

  let from = gateway.log.length;
  await Deno.writeTextFile(`${folder.hooksFile}~`, yaml("two"));
  await Deno.rename(`${folder.hooksFile}~`, folder.hooksFile);
  await gateway.waitForLog(/Reloaded .*hooks\.yaml/, { from });
  assert.deepEqual(await names(gateway, "hooks"), ["two"]);

  await Deno.writeTextFile(`${folder.schedulerFile}~`, tasksYaml("first"));
  await Deno.rename(`${folder.schedulerFile}~`, folder.schedulerFile);
  await gateway.waitForLog(/Reloaded .*scheduler\.yaml/);
  assert.deepEqual(await names(gateway, "tasks"), ["first"]);

  from = gateway.log.length;
  await Deno.remove(folder.hooksFile);
  await gateway.waitForLog(/hooks\.yaml.* was removed/, { from });
  await Deno.remove(folder.schedulerFile);
  await gateway.waitForLog(/scheduler\.yaml.* was removed/, { from });
  assert.deepEqual(await names(gateway, "hooks"), []);
  assert.deepEqual(await names(gateway, "tasks"), []);
  await Deno.remove(join(folder.path, "hooks"), { recursive: true });
  assert.equal((await gateway.kill("SIGTERM")).code, 0);
});
