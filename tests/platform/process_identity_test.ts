/** Telling a process from a later one with the same id. */

import assert from "node:assert/strict";
import { TempFolder } from "../support/process/temp_folder.ts";
import { processIdentity, processState } from "../../src/platform/process_identity.ts";
import { lacks } from "../support/process/programs.ts";

function sleep(): Deno.ChildProcess {
  return new Deno.Command("sleep", { args: ["600"] }).spawn();
}

async function end(child: Deno.ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await child.status;
}

Deno.test("a process is the same while it is running, then gone", async () => {
  const child = sleep();
  const identity = await processIdentity(child.pid);
  assert.equal(await processIdentity(child.pid), identity);
  assert.equal(await processState(child.pid, identity), "same");
  await end(child);
  assert.equal(await processState(child.pid, identity), "gone");
  assert.equal(await processIdentity(child.pid), undefined);
});

Deno.test(
  "a process with another start time is another process",
  { ignore: lacks("ps") },
  async () => {
    const child = sleep();
    try {
      const identity = await processIdentity(Deno.pid);
      assert.equal(await processState(child.pid, identity), "gone");
      assert.equal(await processState(child.pid, "ps Mon Jan 1 00:00:00 2024"), "gone");
      assert.equal(await processState(child.pid, `${await processIdentity(child.pid)}1`), "gone");
    } finally {
      await end(child);
    }
  },
);

Deno.test("without a recorded identity the state is unknown, or gone if there is no process", async () => {
  const child = sleep();
  assert.equal(await processState(child.pid, undefined), "unknown");
  await end(child);
  assert.equal(await processState(child.pid, undefined), "gone");
});

for (const what of ["cat", "ps"] as const) {
  Deno.test(`without access to /proc, ${what} is used`, {
    ignore: what === "ps" && lacks("ps"),
  }, async () => {
    // Nothing else is on the path, and without all permissions Deno does not read /proc.
    await using folder = new TempFolder();
    for (const name of ["sleep", what]) {
      const found = new Deno.Command("sh", { args: ["-c", `command -v ${name}`] }).outputSync();
      const place = new TextDecoder().decode(found.stdout).trim();
      await Deno.symlink(place, `${folder.path}/${name}`);
    }
    const worker = `
    import { processIdentity, processState } from ${
      JSON.stringify(import.meta.resolve("../../src/platform/process_identity.ts"))
    };
    const identity = await processIdentity(${Deno.pid});
    console.log(identity?.split(" ")[0], await processState(${Deno.pid}, identity), await processState(${Deno.pid}, identity + "1"));
    // Its parent, the shell, does not ask for its end.
    const pid = Number(Deno.args[0]);
    while (await processIdentity(pid) !== undefined && await processState(pid, await processIdentity(pid)) !== "gone");
    console.log("over");`;
    const script = 'sleep 0 & exec "$@" $!';
    const { stdout, stderr } = await new Deno.Command("/bin/sh", {
      args: ["-c", script, "sh", Deno.execPath(), "run", "--no-prompt", "--no-config", "--no-lock"]
        .concat([
          "--allow-read=.",
          "--allow-run",
          "--allow-env",
          `data:text/typescript,${encodeURIComponent(worker)}`,
        ]),
      env: { NO_COLOR: "1", PATH: folder.path },
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    const identity = what === "ps" ? "ps" : "proc";
    assert.equal(text(stdout), `${identity} same gone\nover\n`, text(stderr));
  });
}
