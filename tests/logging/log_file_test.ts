import assert from "node:assert/strict";
import { join } from "node:path";
import { LogTail } from "../../src/cli/daemon/log_tail.ts";
import { ConfigError } from "../../src/lib/config_error.ts";
import { LogFile } from "../../src/logging/log_file.ts";
import { configureLog, logger } from "../../src/logging/log.ts";
import { TempFolder } from "../support/process/temp_folder.ts";

/** Lines of 20 bytes. */
const line = (number: number) => `line ${String(number).padStart(14, "0")}\n`;
const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => line(from + index)).join("");

function filesOf(folder: TempFolder): readonly string[] {
  return [...Deno.readDirSync(folder.path)].map(({ name }) => name).sort();
}

Deno.test("a full file is rotated, the oldest copy is deleted, and no line is lost", async () => {
  await using folder = new TempFolder();
  const path = join(folder.path, "new", "gateway.log");
  {
    using file = new LogFile(path, { maxBytes: 100, keep: 3 });
    for (let number = 0; number < 18; number++) file.write(line(number));
  }
  // A later process continues where this one stopped.
  using file = new LogFile(path, { maxBytes: 100, keep: 3 });
  for (let number = 18; number < 22; number++) file.write(line(number));
  const text = (name: string) => Deno.readTextFileSync(`${path}${name}`);
  assert.equal(text(""), lines(20, 22));
  assert.equal(text(".1"), lines(15, 20));
  assert.equal(text(".2"), lines(10, 15));
  assert.equal(text(".3"), lines(5, 10));
  assert.deepEqual([...Deno.readDirSync(join(folder.path, "new"))].length, 4);
  assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
  assert.equal(Deno.statSync(`${path}.1`).mode! & 0o777, 0o600);
});

Deno.test("a line longer than the limit is written in full", async () => {
  await using folder = new TempFolder();
  const path = join(folder.path, "gateway.log");
  using file = new LogFile(path, { maxBytes: 100, keep: 1 });
  file.write(line(1));
  file.write(`${"x".repeat(500)}\n`);
  file.write(line(2));
  assert.equal(Deno.readTextFileSync(`${path}.1`), `${"x".repeat(500)}\n`);
  assert.equal(Deno.readTextFileSync(path), line(2));
});

Deno.test("what other writers append is rotated too, and they continue in the new file", async () => {
  await using folder = new TempFolder();
  const path = join(folder.path, "gateway.log");
  using file = new LogFile(path, { maxBytes: 100, keep: 1 });
  using other = Deno.openSync(path, { append: true });
  const append = (text: string) => other.writeSync(new TextEncoder().encode(text));
  file.write(line(1));
  append("a crash's ");
  for (let number = 2; number < 7; number++) file.write(line(number));
  append("last words\n");
  assert.equal(Deno.readTextFileSync(`${path}.1`), `${line(1)}a crash's ${lines(2, 6)}`);
  assert.equal(Deno.readTextFileSync(path), `${line(6)}last words\n`);
});

Deno.test("a file that cannot be rotated grows, warns once and keeps every line", async () => {
  await using folder = new TempFolder();
  const path = join(folder.path, "gateway.log");
  // A folder blocks the name of the copy.
  await Deno.mkdir(join(`${path}.1`, "in the way"), { recursive: true });
  using file = new LogFile(path, { maxBytes: 100, keep: 1 });
  for (let number = 0; number < 40; number++) file.write(line(number));
  const text = Deno.readTextFileSync(path);
  const remarks = text.split("\n").filter((found) => found.startsWith("Cannot rotate log file"));
  assert.equal(remarks.length, 1);
  assert.equal(text.replace(/^Cannot rotate log file.*\n/m, ""), lines(0, 40));
  assert.deepEqual(filesOf(folder), ["gateway.log", "gateway.log.1"]);
  // Rotation works again once the folder is gone.
  await Deno.remove(`${path}.1`, { recursive: true });
  for (let number = 40; number < 44; number++) file.write(line(number));
  assert.ok(Deno.readTextFileSync(`${path}.1`).startsWith(line(0)));
  assert.ok(Deno.statSync(path).size <= 100);
});

Deno.test("lines lost to a full disk are counted and reported once there is space", async () => {
  await using folder = new TempFolder();
  const path = join(folder.path, "gateway.log");
  // A disk that is always full, replaced by another one later.
  await Deno.symlink("/dev/full", path);
  let now = 0;
  using file = new LogFile(path, { maxBytes: 1000, keep: 1, now: () => now });
  for (let number = 0; number < 3; number++) file.write(line(number));
  await Deno.remove(path);
  now += 5_000;
  file.write(line(3));
  file.write(line(4));
  assert.equal(
    Deno.readTextFileSync(path),
    `\nLog lines that could not be written: 3\n${lines(3, 5)}`,
  );
});

Deno.test("a new file is created after the old one was moved", async () => {
  await using folder = new TempFolder();
  const path = join(folder.path, "gateway.log");
  let now = 0;
  using file = new LogFile(path, { maxBytes: 1000, keep: 1, now: () => now });
  file.write(line(1));
  await Deno.rename(path, `${path}.old`);
  now += 5_000;
  file.write(line(2));
  assert.equal(Deno.readTextFileSync(`${path}.old`), line(1));
  assert.equal(Deno.readTextFileSync(path), line(2));
});

Deno.test("the error for a folder that cannot be created says what to do", async () => {
  await using folder = new TempFolder();
  await Deno.writeTextFile(join(folder.path, "file"), "");
  const path = join(folder.path, "file", "gateway.log");
  assert.throws(
    () => new LogFile(path, { maxBytes: 100, keep: 1 }),
    (error) =>
      error instanceof ConfigError && /^Cannot write log file ".*--logfile/.test(error.message),
  );
});

Deno.test("a reader that follows the file sees each line once, across rotations", async () => {
  await using folder = new TempFolder();
  const path = join(folder.path, "gateway.log");
  const tail = new LogTail(path);
  assert.deepEqual(tail.last(10), []);
  using file = new LogFile(path, { maxBytes: 200, keep: 1 });
  const decoder = new TextDecoder();
  let seen = "";
  for (let number = 0; number < 95; number++) {
    file.write(line(number));
    // Not after each line: some are read only after their file was rotated.
    if (number % 7 === 0) seen += decoder.decode(tail.read());
  }
  seen += decoder.decode(tail.read());
  assert.equal(seen, lines(0, 95));
  assert.deepEqual(new LogTail(path).last(12).map((found) => `${found}\n`).join(""), lines(83, 95));
  assert.deepEqual(new LogTail(path).last(0), []);
});

Deno.test("records and remarks about the file are written in the configured format", async () => {
  await using folder = new TempFolder();
  const path = join(folder.path, "gateway.log");
  await Deno.mkdir(join(`${path}.1`, "in the way"), { recursive: true });
  const file = { path, maxBytes: 200, keep: 1 };
  await configureLog({ level: "info", format: "json", file, fileOnly: true });
  try {
    for (let number = 0; number < 5; number++) logger("test").info("Number {number}", { number });
  } finally {
    // Closes the file.
    await configureLog({ level: "error", format: "json", fileOnly: true });
  }
  const records = Deno.readTextFileSync(path).trim().split("\n").map((text) => JSON.parse(text));
  assert.deepEqual(records.filter(({ number }) => number !== undefined).length, 5);
  assert.equal(records.filter(({ message }) => /Cannot rotate log file/.test(message)).length, 1);
});
