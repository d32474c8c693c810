import assert from "node:assert/strict";
import { BackgroundJobs } from "../../src/summaries/background_jobs.ts";
import { Gate } from "../support/gate.ts";
import { WallClock } from "../support/wall_clock.ts";

Deno.test("one job runs at a time per name, followed by the newest that was added meanwhile", async () => {
  await using jobs = new BackgroundJobs();
  const gate = new Gate();
  const ran: string[] = [];
  const job = (name: string) => async () => {
    ran.push(name);
    await gate.opened;
  };
  jobs.run("a", job("first"));
  jobs.run("a", job("second"));
  jobs.run("a", job("third"));
  assert.deepEqual(ran, ["first"]);
  gate.open();
  await jobs.idle();
  assert.deepEqual(ran, ["first", "third"]);
});

Deno.test("the limit of parallel jobs holds across names", async () => {
  await using jobs = new BackgroundJobs({ parallel: 2 });
  const gates = { a: new Gate(), b: new Gate(), c: new Gate() };
  const ran: string[] = [];
  for (const [name, gate] of Object.entries(gates)) {
    jobs.run(name, async () => {
      ran.push(name);
      await gate.opened;
    });
  }
  assert.deepEqual(ran, ["a", "b"]);
  gates.b.open();
  gates.c.open();
  gates.a.open();
  await jobs.idle();
  assert.deepEqual(ran, ["a", "b", "c"]);
});

Deno.test("after a failure the delay doubles until a job succeeds", async () => {
  let now = 0;
  let tries = 0;
  let broken = true;
  await using jobs = new BackgroundJobs({ now: () => now });
  const tryAt = async (at: number) => {
    now = at;
    const before = tries;
    jobs.run("a", () => {
      tries++;
      return broken ? Promise.reject(new Error("no model")) : Promise.resolve();
    });
    await jobs.idle();
    return tries > before;
  };
  assert.equal(await tryAt(0), true);
  assert.equal(await tryAt(9_999), false);
  assert.equal(await tryAt(10_000), true);
  assert.equal(await tryAt(29_999), false);
  broken = false;
  assert.equal(await tryAt(30_000), true);
  assert.equal(await tryAt(30_001), true, "a success clears the delay");
});

Deno.test("a failure also drops the job that waits behind it", async () => {
  await using jobs = new BackgroundJobs();
  const gate = new Gate();
  const ran: string[] = [];
  jobs.run("a", async () => {
    ran.push("first");
    await gate.opened;
    throw new Error("no model");
  });
  jobs.run("a", () => Promise.resolve(void ran.push("second")));
  gate.open();
  await jobs.idle();
  assert.deepEqual(ran, ["first"]);
});

Deno.test("changing the wall clock does not end a delay", async () => {
  using clock = new WallClock();
  let tries = 0;
  await using jobs = new BackgroundJobs();
  for (const setBack of [0, -3_600_000]) {
    clock.setBack(setBack);
    jobs.run("a", () => Promise.reject(new Error(`no model ${tries++}`)));
    await jobs.idle();
  }
  assert.equal(tries, 1);
});

Deno.test("disposing aborts running jobs and starts no others", async () => {
  const jobs = new BackgroundJobs();
  const ran: string[] = [];
  jobs.run("a", (signal) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => {
      ran.push("aborted");
      resolve();
    });
    return promise;
  });
  jobs.run("a", () => Promise.resolve(void ran.push("never")));
  await jobs[Symbol.asyncDispose]();
  jobs.run("b", () => Promise.resolve(void ran.push("never")));
  assert.deepEqual(ran, ["aborted"]);
});
