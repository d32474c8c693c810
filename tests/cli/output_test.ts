import assert from "node:assert/strict";
import { formatRun, jsonText, oneLine, table } from "../../src/cli/output.ts";

Deno.test("a run is one line, with its output indented below", () => {
  const run = { name: "backup", started_at: "2026-01-31T00:00:00.000Z", trigger: "manual" };
  assert.equal(
    formatRun({ ...run, ok: true, exit_code: 0, duration_ms: 12, output: "one\ntwo\n" }),
    "2026-01-31T00:00:00.000Z  backup  for manual  ok  exit code 0  12 ms\n    one\n    two",
  );
  assert.equal(
    formatRun({ ...run, ok: false, exit_code: null, duration_ms: 3, error: "it\nbroke" }),
    "2026-01-31T00:00:00.000Z  backup  for manual  FAILED: it broke  3 ms",
  );
  assert.match(formatRun({ ...run, running: true }), /for manual {2}still running$/);
});

Deno.test("a table aligns its columns by characters", () => {
  assert.equal(table([["NAME", "N"], ["größe 日本", "1"]]), "NAME      N\ngröße 日本  1");
});

Deno.test("text from elsewhere cannot forge a line or control the terminal", () => {
  assert.equal(oneLine("a\n  b\x1b[2J\x9b"), "a b�[2J�");
  assert.equal(jsonText({ text: "\x9b\x1b" }), '{\n  "text": "\\u009b\\u001b"\n}');
});
