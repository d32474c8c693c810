/** What tells a process from a later one of the same number. */

import assert from "node:assert/strict";
import { TempFolder } from "../support/process/temp_folder.ts";
import { markOf, stateOf } from "../../src/platform/process_identity.ts";
import { lacks } from "../support/process/programs.ts";

function sleep(): Deno.ChildProcess {
  return new Deno.Command("sleep", { args: ["600"] }).spawn();
}

async function end(child: Deno.ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await child.status;
}

Deno.test("a process is the same as long as it lives, and then gone", async () => {
  const child = sleep();
  const mark = await markOf(child.pid);
  assert.equal(await markOf(child.pid), mark);
  assert.equal(await stateOf(child.pid, mark), "same");
  await end(child);
  assert.equal(await stateOf(child.pid, mark), "gone");
  assert.equal(await markOf(child.pid), undefined);
});

Deno.test("a process with another start is another one", { ignore: lacks("ps") }, async () => {
  const child = sleep();
  try {
    const mark = await markOf(Deno.pid);
    assert.equal(await stateOf(child.pid, mark), "gone");
    assert.equal(await stateOf(child.pid, "ps Mon Jan 1 00:00:00 2024"), "gone");
    assert.equal(await stateOf(child.pid, `${await markOf(child.pid)}1`), "gone");
  } finally {
    await end(child);
  }
});

Deno.test("what was noted without a mark cannot be told, unless no process is there", async () => {
  const child = sleep();
  assert.equal(await stateOf(child.pid, undefined), "unknown");
  await end(child);
  assert.equal(await stateOf(child.pid, undefined), "gone");
});

for (const what of ["cat", "ps"] as const) {
  Deno.test(`where /proc may not be read, ${what} tells the same`, {
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
    import { markOf, stateOf } from ${
      JSON.stringify(import.meta.resolve("../../src/platform/process_identity.ts"))
    };
    const mark = await markOf(${Deno.pid});
    console.log(mark?.split(" ")[0], await stateOf(${Deno.pid}, mark), await stateOf(${Deno.pid}, mark + "1"));
    // Its parent, the shell, does not ask for its end.
    const pid = Number(Deno.args[0]);
    while (await markOf(pid) !== undefined && await stateOf(pid, await markOf(pid)) !== "gone");
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
    const mark = what === "ps" ? "ps" : "proc";
    assert.equal(text(stdout), `${mark} same gone\nover\n`, text(stderr));
  });
}
