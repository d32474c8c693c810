/** A file that changes while the gateway runs: what is good comes into force, what is wrong does not. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { ConfigError } from "../../src/lib/config_error.ts";
import { logger } from "../../src/logging/log.ts";
import { WatchedFile } from "../../src/lib/watched_file.ts";
import { within } from "../support/deadline.ts";
import { Recording } from "../support/load/recording.ts";
import { TempFolder } from "../support/process/temp_folder.ts";

/** A live file in a folder of its own, and what was put into force so far; "wrong" is refused. */
class Place implements AsyncDisposable {
  readonly folder = new TempFolder("clara_live_");
  readonly path: string;
  readonly applied = new Recording<string | undefined>();
  readonly refused = new Recording<string>();
  readonly file: WatchedFile;
  /** What `apply` throws for any text, where it is set. */
  problem?: Error;

  constructor(name = "hooks.yaml") {
    this.path = join(this.folder.path, name);
    this.file = new WatchedFile({
      log: logger("watched_file"),
      path: this.path,
      settleMs: 20,
      missingMs: 50,
      apply: (text) => {
        const problem = this.problem ??
          (text?.includes("wrong") ? new ConfigError(`Cannot use ${text}`) : undefined);
        if (problem) {
          this.refused.add(problem.message);
          return Promise.reject(problem);
        }
        this.applied.add(text);
        return Promise.resolve();
      },
    });
  }

  /** What is in force now. */
  get inForce(): string | undefined {
    return this.applied.items.at(-1);
  }

  write(text: string): void {
    Deno.writeTextFileSync(this.path, text);
  }

  /** Resolves when this is in force. */
  async holds(text: string | undefined): Promise<void> {
    if (this.inForce === text && this.applied.items.length > 0) return;
    const from = this.applied.items.length;
    await this.applied.waitFor((applied) => applied === text, { from, what: `${text} in force` });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.file[Symbol.asyncDispose]();
    await this.folder[Symbol.asyncDispose]();
  }
}

async function watched(text?: string): Promise<Place> {
  const place = new Place();
  if (text !== undefined) place.write(text);
  await place.file.load();
  place.file.watch();
  return place;
}

Deno.test("a file is read at the start, and one that is missing is nothing", async () => {
  await using place = new Place();
  await place.file.load();
  assert.deepEqual(place.applied.items, [undefined]);
  place.write("one");
  assert.equal(await place.file.reload(), undefined);
  assert.deepEqual(place.applied.items, [undefined, "one"]);
});

Deno.test("one that is wrong at the start is an error", async () => {
  await using place = new Place();
  place.write("wrong");
  await assert.rejects(place.file.load(), ConfigError);
});

Deno.test("a change is seen, written in place or put there by a rename", async () => {
  await using place = await watched("one");
  place.write("two");
  await place.holds("two");
  const draft = join(place.folder.path, ".hooks.yaml.swp");
  Deno.writeTextFileSync(draft, "three");
  Deno.renameSync(draft, place.path);
  await place.holds("three");
  place.write("four");
  await place.holds("four");
});

Deno.test("what is wrong leaves the last good one in force, and mended it is in force", async () => {
  await using place = await watched("one");
  place.write("wrong 1");
  await place.refused.waitFor((said) => said.includes("wrong 1"));
  assert.equal(place.inForce, "one");
  place.write("wrong 2");
  await place.refused.waitFor((said) => said.includes("wrong 2"));
  place.write("two");
  await place.holds("two");
  place.write("wrong 3");
  await place.refused.waitFor((said) => said.includes("wrong 3"));
  // Back to what is in force already.
  place.write("two");
  await place.applied.waitFor((_, at) => at === 2);
  assert.deepEqual(place.applied.items, ["one", "two", "two"]);
  assert.equal(await place.file.reload(), undefined);
});

Deno.test("a file that is deleted holds nothing, and one that comes back is read", async () => {
  await using place = await watched("one");
  Deno.removeSync(place.path);
  await place.holds(undefined);
  place.write("two");
  await place.holds("two");
});

Deno.test("a folder that is made later, and one that goes and comes again, are noticed", async () => {
  await using place = new Place("hooks/hooks.yaml");
  const folder = join(place.folder.path, "hooks");
  await place.file.load();
  place.file.watch();
  Deno.mkdirSync(folder);
  place.write("one");
  await place.holds("one");
  place.write("two");
  await place.holds("two");
  Deno.removeSync(folder, { recursive: true });
  await place.holds(undefined);
  Deno.mkdirSync(folder);
  place.write("three");
  await place.holds("three");
});

Deno.test("while its folder is missing a file can be let go", async () => {
  await using place = new Place("hooks/hooks.yaml");
  const folder = join(place.folder.path, "hooks");
  Deno.mkdirSync(folder);
  place.write("one");
  await place.file.load();
  place.file.watch();
  Deno.removeSync(folder, { recursive: true });
  await place.holds(undefined);
});

Deno.test("another folder in the place of the first is the one that counts", async () => {
  await using place = new Place("hooks/hooks.yaml");
  const folder = join(place.folder.path, "hooks");
  Deno.mkdirSync(folder);
  place.write("one");
  await place.file.load();
  place.file.watch();
  place.write("two");
  await place.holds("two");
  Deno.mkdirSync(`${folder}.new`);
  Deno.writeTextFileSync(join(`${folder}.new`, "hooks.yaml"), "three");
  Deno.renameSync(folder, `${folder}.old`);
  Deno.renameSync(`${folder}.new`, folder);
  await place.holds("three");
  Deno.writeTextFileSync(join(`${folder}.old`, "hooks.yaml"), "of the old folder");
  place.write("four");
  await place.holds("four");
  assert.ok(!place.applied.items.includes("of the old folder"));
});

Deno.test("what changed before the watch began is seen", async () => {
  await using place = new Place();
  place.write("one");
  await place.file.load();
  place.write("two");
  place.file.watch();
  await place.holds("two");
});

Deno.test("the same text is put into force once", async () => {
  await using place = await watched("one");
  place.write("one");
  Deno.utimeSync(place.path, new Date(), new Date());
  Deno.writeTextFileSync(join(place.folder.path, "other.yaml"), "x");
  await place.file.reload();
  place.write("two");
  await place.holds("two");
  assert.deepEqual(place.applied.items, ["one", "two"]);
});

Deno.test("asked to read again, a file says what is wrong with it each time", async () => {
  await using place = new Place();
  place.write("one");
  await place.file.load();
  place.write("wrong");
  assert.equal(await place.file.reload(), "Cannot use wrong");
  assert.equal(await place.file.reload(), "Cannot use wrong");
  assert.equal(place.inForce, "one");
});

Deno.test("what could not come into force for another reason is tried again", async () => {
  await using place = new Place();
  place.write("one");
  await place.file.load();
  place.problem = new Error("the store does not answer");
  place.write("two");
  assert.equal(await place.file.reload(), "the store does not answer");
  place.problem = undefined;
  assert.equal(await place.file.reload(), undefined);
  assert.equal(place.inForce, "two");
});

Deno.test("a file that cannot be read changes nothing, and is well again when it can be", async () => {
  await using place = new Place();
  place.write("one");
  await place.file.load();
  Deno.removeSync(place.path);
  Deno.mkdirSync(place.path);
  assert.match((await place.file.reload())!, /^Cannot read .*hooks\.yaml: /);
  assert.equal(place.inForce, "one");
  Deno.removeSync(place.path);
  place.write("one");
  assert.equal(await place.file.reload(), undefined);
  assert.equal(place.inForce, "one");
});

Deno.test("once it is disposed of nothing is read any more", async () => {
  const place = await watched("one");
  place.write("two");
  await within(place.file[Symbol.asyncDispose](), { what: "the end of the watch" });
  const applied = [...place.applied.items];
  place.write("three");
  await place.file.reload();
  assert.deepEqual(place.applied.items, applied);
  await place[Symbol.asyncDispose]();
});
