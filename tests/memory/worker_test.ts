/** The memory worker: order, retries, dropped exchanges. */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { MemoryError } from "../../src/memory/port.ts";
import { MemoryWorker, type MemoryWorkerOptions } from "../../src/memory/worker.ts";
import type { PendingExchange } from "../../src/store/exchange_store.ts";
import type { SqliteStore } from "../../src/store/sqlite/store.ts";
import { accepted, claimed, ending, request } from "../store/conformance/samples.ts";
import { SqliteFolder } from "../store/sqlite/sqlite_place.ts";
import { Gate } from "../support/gate.ts";
import { AwaitableList } from "../support/awaitable_list.ts";

async function addExchange(
  store: SqliteStore,
  key: string,
  userKey = `user of ${key}`,
): Promise<void> {
  const { claim } = await claimed(store, await accepted(store, request(key)));
  const exchange = { key, userKey, channelKey: "c", question: key, answer: "yes", at: 1000 };
  await store.requests.finish(claim, { ...ending(), exchange });
}

/** Defines a test with a worker on its own store, and a record of its attempts. */
function testWorker(
  name: string,
  test: (
    context: {
      readonly store: SqliteStore;
      readonly attempted: AwaitableList<PendingExchange>;
      readonly run: (
        add: (exchange: PendingExchange) => Promise<void>,
        options?: Partial<MemoryWorkerOptions>,
      ) => MemoryWorker;
    },
  ) => Promise<void>,
): void {
  Deno.test(name, async () => {
    await using place = new SqliteFolder();
    await using store = await place.open();
    const attempted = new AwaitableList<PendingExchange>();
    await test({
      store,
      attempted,
      run: (add, options = {}) => {
        const worker = new MemoryWorker({
          backend: {
            add: (exchange) => {
              attempted.add(exchange);
              return add(exchange);
            },
          },
          exchanges: store.exchanges,
          backlog: 100,
          firstDelayMs: 1,
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

testWorker(
  "exchanges of one user run in order, those of several users concurrently",
  async (context) => {
    const { store, attempted, run } = context;
    for (const key of ["a1", "a2", "b1", "c1"]) await addExchange(store, key, key[0]!);
    const gate = new Gate();
    await using _worker = run(() => gate.opened);
    await attempted.waitFor(({ key }) => key === "c1");
    assert.deepEqual(attempted.items.map(({ key }) => key), ["a1", "b1", "c1"]);
    gate.open();
    await attempted.waitFor(({ key }) => key === "a2");
    await empty(store);
  },
);

testWorker(
  "after a failure one exchange at a time is tried until one succeeds",
  async (context) => {
    const { store, attempted, run } = context;
    for (const key of ["a", "b", "c"]) await addExchange(store, key);
    let works = false;
    await using worker = run(() =>
      works ? Promise.resolve() : Promise.reject(new MemoryError("away", { transient: true }))
    );
    await attempted.waitFor((_, index) => index === 7);
    assert.match((await worker.figures()).last_error!, /away/);
    works = true;
    await empty(store);
    assert.deepEqual(await worker.figures(), { waiting: 0, dropped: 0 });
  },
);

testWorker("every failure is followed by a delay, including the first", async (context) => {
  const { store, run } = context;
  await addExchange(store, "a");
  const times: number[] = [];
  await using _worker = run(() => {
    times.push(performance.now());
    return times.length < 3
      ? Promise.reject(new MemoryError("away", { transient: true }))
      : Promise.resolve();
  }, { firstDelayMs: 50 });
  await empty(store);
  const [first, second, third] = times;
  // A timer may fire up to a millisecond early.
  assert.ok(second! - first! >= 49 && third! - second! >= 99, `tried at ${times}`);
});

testWorker(
  "a rejected exchange is dropped after three attempts, the others go on",
  async (context) => {
    const { store, attempted, run } = context;
    for (const key of ["bad", "good"]) await addExchange(store, key);
    await using worker = run(({ key }) =>
      key === "good"
        ? Promise.resolve()
        : Promise.reject(new MemoryError("cannot be read", { transient: false }))
    );
    await empty(store);
    assert.deepEqual(
      attempted.items.filter(({ key }) => key === "bad").map(({ attempts }) => attempts),
      [
        0,
        1,
        2,
      ],
    );
    assert.equal((await worker.figures()).dropped, 1);
  },
);

testWorker("a retried exchange is learned before what its user said later", async (context) => {
  const { store, attempted, run } = context;
  for (const key of ["a1", "a2", "b1"]) await addExchange(store, key, key[0]!);
  await using _worker = run(({ key, attempts }) =>
    key === "a1" && attempts < 2
      ? Promise.reject(new MemoryError("away", { transient: true }))
      : Promise.resolve()
  );
  await empty(store);
  const ofA = attempted.items.map(({ key }) => key).filter((key) => key.startsWith("a"));
  assert.deepEqual(ofA, ["a1", "a1", "a1", "a2"]);
});

testWorker("beyond the backlog the oldest exchanges are dropped", async (context) => {
  const { store, attempted, run } = context;
  for (const key of ["a", "b", "c", "d"]) await addExchange(store, key);
  await using worker = run(() => Promise.resolve(), { backlog: 2 });
  await empty(store);
  assert.deepEqual(attempted.items.map(({ key }) => key).sort(), ["c", "d"]);
  assert.equal((await worker.figures()).dropped, 2);
});
