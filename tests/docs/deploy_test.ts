import assert from "node:assert/strict";
import { parse } from "yaml";

const read = (path: string) =>
  Deno.readTextFileSync(new URL(`../../${path}`, import.meta.url)).replaceAll("\\\n", " ");

Deno.test("the CI workflow uses the Deno version of README and Dockerfile, and existing tasks", () => {
  const workflow = parse(read(".github/workflows/ci.yml"));
  const readme = /npx -y deno@([\d.]+) task start/.exec(read("README.md"))![1]!;
  assert.ok(read("Dockerfile").includes(`FROM denoland/deno:debian-${readme} AS build`));
  const { tasks } = JSON.parse(read("deno.json"));
  const jobs = Object.entries<{ readonly needs?: string[]; readonly steps: Step[] }>(workflow.jobs);
  for (const [name, { needs = [], steps }] of jobs) {
    assert.ok(needs.every((other) => other in workflow.jobs), name);
    for (const { run = "", with: options } of steps) {
      const version = options?.["deno-version"];
      if (version && !version.startsWith("$")) assert.equal(version, readme, name);
      for (const [, task] of run.matchAll(/deno task ([a-z]+)/g)) assert.ok(task! in tasks, task);
    }
  }
});

interface Step {
  readonly run?: string;
  readonly with?: Readonly<Record<string, string>>;
}

Deno.test("the Dockerfile copies existing files that Docker receives, and its user is not root", () => {
  const instructions = read("Dockerfile").split("\n")
    .map((line) => /^([A-Z]+)\s+(.+)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, name, text]) => ({ name: name!, words: text!.trim().split(/\s+/) }));
  const sent = new Set(
    read(".dockerignore").split("\n").filter((line) => line.startsWith("!"))
      .map((line) => line.slice(1)),
  );
  const copies = instructions.filter(({ name, words }) =>
    name === "COPY" && !words[0]!.startsWith("--from")
  );
  assert.ok(copies.length > 0);
  for (const source of copies.flatMap(({ words }) => words.slice(0, -1))) {
    assert.ok(sent.has(source), source);
    Deno.statSync(new URL(`../../${source}`, import.meta.url));
  }
  const users = instructions.filter(({ name }) => name === "USER");
  assert.ok(users.length === 1 && Number(users[0]!.words[0]) > 0);
});
