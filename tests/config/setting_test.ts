import assert from "node:assert/strict";
import * as kind from "../../src/config/setting.ts";

const port = kind.number("PORT", { flag: "port", fallback: 80, min: 0, max: 100, help: "Port" });

Deno.test("the first source with a value wins; empty values do not count", () => {
  const sources = [
    { from: "--port", value: undefined },
    { from: "PORT", value: "" },
    { from: "PORT (in .env)", value: "7" },
  ];
  assert.deepEqual(kind.readSetting(port, sources), { value: 7, found: sources[2] });
  assert.deepEqual(kind.readSetting(port, sources.slice(0, 2)), { value: 80 });
});

Deno.test("an invalid value yields the default and an error with name, value and what is allowed", () => {
  const { value, error } = kind.readSetting(port, [{ from: "--port", value: "101" }]);
  assert.equal(value, 80);
  assert.equal(error, 'Cannot use --port="101": expected a whole number from 0 to 100');
});

Deno.test("an error never contains a secret", () => {
  const check = () => {
    throw new Error("too short");
  };
  const secret = kind.text("KEY", { fallback: undefined, secret: true, check, help: "Key" });
  const { error } = kind.readSetting(secret, [{ from: "KEY", value: "hidden" }]);
  assert.equal(error, "Cannot use KEY=(secret): too short");
});

Deno.test("times are set in seconds or days and read in milliseconds", () => {
  const seconds = kind.seconds("S", { fallback: 1.5, min: 0.1, whole: false, help: "" });
  assert.deepEqual([seconds.fallback, seconds.shown, seconds.parse("2.5")], [1500, "1.5", 2500]);
  const days = kind.days("D", { fallback: 7, min: 1, help: "" });
  assert.deepEqual([days.fallback, days.shown, days.parse("1")], [604_800_000, "7", 86_400_000]);
});

Deno.test("a time in seconds cannot exceed what a timer can wait", () => {
  const seconds = kind.seconds("S", { fallback: 1, min: 1, help: "" });
  assert.throws(() => seconds.parse("2147484"), /from 1 to 2147483/);
});

for (const [text, value] of [["yes", true], ["ON", true], ["1", true], ["false", false]] as const) {
  Deno.test(`the flag value ${text} means ${value}`, () => {
    assert.equal(kind.flag("F", { help: "" }).parse(text), value);
  });
}

Deno.test("invalid words, numbers and flags are rejected with what is allowed", () => {
  const choice = kind.choice("C", ["a", "b"], { fallback: "a", help: "" });
  assert.equal(choice.parse("B"), "b");
  assert.throws(() => choice.parse("c"), /expected one of a, b/);
  assert.throws(() => kind.flag("F", { help: "" }).parse("perhaps"), /expected true or false/);
  for (const text of [" ", "1.5", "1e99", "x"]) {
    assert.throws(() => port.parse(text), /expected a whole number from 0 to 100/, text);
  }
});

Deno.test("lists are trimmed, and each of their words is checked", () => {
  const check = (word: string) => {
    if (word === "bad") throw new Error("expected something good");
  };
  const list = kind.list("L", { help: "", check });
  assert.deepEqual(list.parse(" a, b,,"), ["a", "b"]);
  assert.throws(() => list.parse("a,bad"), /expected something good/);
});
