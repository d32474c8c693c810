/**
 * The table of the fault suite: every fault has a test, and every test of the table exists and is
 * run.
 */

import assert from "node:assert/strict";
import { faultPaths, faultRows } from "./fault_table.ts";

const root = new URL("../../", import.meta.url);

function read(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(new URL(path, root));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/**
 * Whether a file has a test of this name: its parts, in order, after one `Deno.test(` or `name:`.
 */
function hasTest(text: string, parts: readonly string[]): boolean {
  const pattern = parts.map((part) => RegExp.escape(part)).join("[^]{0,200}?");
  return new RegExp(`(Deno\\.test\\(|testSite\\(|name:)\\s*["\`][^"\`]*?${pattern}`).test(text);
}

Deno.test("every fault from 1 to 29 has a test in the table", () => {
  const faults = new Set(faultRows.map(({ fault }) => fault));
  const missing = Array.from({ length: 29 }, (_, index) => index + 1)
    .filter((fault) => !faults.has(fault));
  assert.deepEqual(missing, []);
});

Deno.test("every test of the table is in its file", () => {
  const missing = faultRows.filter(({ path, parts }) => {
    const text = read(path);
    return text === undefined || !hasTest(text, parts);
  });
  assert.deepEqual(missing, []);
});

Deno.test("every test of this folder that names a fault is in the table", () => {
  for (const { name: file } of Deno.readDirSync(new URL(".", import.meta.url))) {
    if (!file.endsWith("_test.ts")) continue;
    const text = read(`tests/faults/${file}`)!;
    for (const [, fault] of text.matchAll(/["`]fault (\d+): /g)) {
      const known = faultRows.some((row) =>
        row.fault === Number(fault) && row.path === `tests/faults/${file}`
      );
      assert.ok(known, `${file} has a test of fault ${fault}`);
    }
  }
});

Deno.test("deno task test:faults runs every file of the table", () => {
  const { tasks } = JSON.parse(read("deno.json")!);
  assert.match(tasks["test:faults"], / scripts\/test\.ts faults$/);
  for (const { path } of faultRows) {
    assert.ok(faultPaths.some((run) => path === run || path.startsWith("tests/faults/")), path);
  }
});
