/** The worker behind the outbox: order, failures, what is given up. */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { MemoryError } from "../../src/memory/port.ts";
import { MemoryWorker, type MemoryWorkerOptions } from "../../src/memory/worker.ts";
import type { WaitingExchange } from "../../src/store/exchange_store.ts";
import type { SqliteStore } from "../../src/store/sqlite/store.ts";
import { accepted, claimed, ending, request } from "../store/conformance/samples.ts";
import { SqlitePlace } from "../store/sqlite/sqlite_place.ts";
import { Gate } from "../support/gate.ts";
import { Recording } from "../support/load/recording.ts";

async function said(store: SqliteStore, key: string, userKey = `user of ${key}`): Promise<void> {
  const { claim } = await claimed(store, await accepted(store, request(key)));
  const exchange = { key, userKey, channelKey: "c", question: key, answer: "yes", at: 1000 };
  await store.requests.finish(claim, { ...ending(), exchange });
}

/** A test of a worker on a store of its own, and of what it tried. */
function testWorker(
  sentence: string,
  test: (
    context: {
      readonly store: SqliteStore;
      readonly tried: Recording<WaitingExchange>;
      readonly run: (
        add: (exchange: WaitingExchange) => Promise<void>,
        options?: Partial<MemoryWorkerOptions>,
      ) => MemoryWorker;
    },
  ) => Promise<void>,
): void {
  Deno.test(sentence, async () => {
    await using place = new SqlitePlace();
    await using store = await place.open();
    const tried = new Recording<WaitingExchange>();
    await test({
      store,
      tried,
      run: (add, options = {}) => {
        const worker = new MemoryWorker({
          memory: {
            add: (exchange) => {
              tried.add(exchange);
              return add(exchange);
            },
          },
          exchanges: store.exchanges,
          backlog: 100,
          firstPauseMs: 1,
          ...options,
        });
        worker.start();
        return worker;
      },
    });
  });
}

async function empty(store: SqliteStore): Promise<void> {
  while (await store.exchanges.count() > 0) await new Promise((resolve) => setImmediate(resolve));
}

testWorker("exchanges of one user go one after the other, of several at once", async (context) => {
  const { store, tried, run } = context;
  for (const key of ["a1", "a2", "b1", "c1"]) await said(store, key, key[0]!);
  const gate = new Gate();
  await using _worker = run(() => gate.opened);
  await tried.waitFor(({ key }) => key === "c1");
  assert.deepEqual(tried.items.map(({ key }) => key), ["a1", "b1", "c1"]);
  gate.open();
  await tried.waitFor(({ key }) => key === "a2");
  await empty(store);
});

testWorker("after a failure one at a time is tried, until it works again", async (context) => {
  const { store, tried, run } = context;
  for (const key of ["a", "b", "c"]) await said(store, key);
  let works = false;
  await using worker = run(() =>
    works ? Promise.resolve() : Promise.reject(new MemoryError("away", { passing: true }))
  );
  await tried.waitFor((_, index) => index === 7);
  assert.match((await worker.figures()).last_error!, /away/);
  works = true;
  await empty(store);
  assert.deepEqual(await worker.figures(), { waiting: 0, dropped: 0 });
});

testWorker("the first failure is followed by a pause, as those after it are", async (context) => {
  const { store, run } = context;
  await said(store, "a");
  const times: number[] = [];
  await using _worker = run(() => {
    times.push(performance.now());
    return times.length < 3
      ? Promise.reject(new MemoryError("away", { passing: true }))
      : Promise.resolve();
  }, { firstPauseMs: 50 });
  await empty(store);
  const [first, second, third] = times;
  // A timer may be early by less than a millisecond.
  assert.ok(second! - first! >= 49 && third! - second! >= 99, `tried at ${times}`);
});

testWorker("what is refused is given up after three tries, the others go on", async (context) => {
  const { store, tried, run } = context;
  for (const key of ["bad", "good"]) await said(store, key);
  await using worker = run(({ key }) =>
    key === "good"
      ? Promise.resolve()
      : Promise.reject(new MemoryError("cannot be read", { passing: false }))
  );
  await empty(store);
  assert.deepEqual(tried.items.filter(({ key }) => key === "bad").map(({ attempts }) => attempts), [
    0,
    1,
    2,
  ]);
  assert.equal((await worker.figures()).dropped, 1);
});

testWorker("what is tried again is learned before what its user said later", async (context) => {
  const { store, tried, run } = context;
  for (const key of ["a1", "a2", "b1"]) await said(store, key, key[0]!);
  await using _worker = run(({ key, attempts }) =>
    key === "a1" && attempts < 2
      ? Promise.reject(new MemoryError("away", { passing: true }))
      : Promise.resolve()
  );
  await empty(store);
  const ofA = tried.items.map(({ key }) => key).filter((key) => key.startsWith("a"));
  assert.deepEqual(ofA, ["a1", "a1", "a1", "a2"]);
});

testWorker("past the backlog the oldest exchanges are dropped", async (context) => {
  const { store, tried, run } = context;
  for (const key of ["a", "b", "c", "d"]) await said(store, key);
  await using worker = run(() => Promise.resolve(), { backlog: 2 });
  await empty(store);
  assert.deepEqual(tried.items.map(({ key }) => key).sort(), ["c", "d"]);
  assert.equal((await worker.figures()).dropped, 2);
});
