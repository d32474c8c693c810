/**
 * Prints how long the store takes to find memories of a user with 10,000 facts: by words, and by
 * meaning (vectors of 1536 numbers). Run it with `deno run --allow-all
 * scripts/bench/recall_speed.ts`.
 */

import { SqliteStore } from "../../src/store/sqlite/store.ts";
import { ms, percentile } from "./figures.ts";

const facts = 10_000;
const dimensions = 1536;
const rounds = 50;
const model = "speed";
const view = { userKey: "test:user-1", includePrivate: true, limit: 24 };
const topics = "tea cats rowing Rome chess bread piano rain maps glass wool salt".split(" ");
const verbs = "likes avoids collects paints studies sells repairs remembers".split(" ");

/** Pseudo-random numbers, the same in each run. */
function* numbers(): Generator<number> {
  for (let state = 1;;) yield (state = state * 48271 % 2147483647) / 2147483647;
}

const random = numbers();
const next = () => random.next().value as number;
const pick = (words: readonly string[]) => words[Math.floor(next() * words.length)]!;
const vector = () => Float32Array.from({ length: dimensions }, () => next() - 0.5);

async function measure(what: string, run: () => Promise<unknown>): Promise<void> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  const [median, slow] = [0.5, 0.95].map((part) => ms(percentile(times, part)));
  console.log(`${what}: median ${median}, 95th percentile ${slow}`);
}

const folder = Deno.makeTempDirSync({ prefix: "clara_recall_" });
try {
  await using store = SqliteStore.open(folder);
  const ids: number[] = [];
  await Promise.all(Array.from({ length: facts }, async (_, number) => {
    const { memory } = await store.memories.add({
      userKey: view.userKey,
      text: `The user ${pick(verbs)} ${pick(topics)} and ${pick(topics)} since the year ${number}`,
      private: number % 2 === 0,
      channelKey: "test:channel-1",
      createdAt: number * 1000,
    }, { cap: facts });
    ids.push(memory.id);
  }));
  while (ids.length > 0) {
    const some = ids.splice(0, 500).map((id) => ({ id, vector: vector() }));
    await store.vectors.save(model, some);
  }
  console.log(`${facts} facts of one user`);
  await measure("by words", () =>
    store.memories.search({
      ...view,
      query: `What was it again that I said about ${pick(topics)} and ${pick(topics)}?`,
    }));
  await measure("by meaning", () => store.vectors.nearest({ ...view, model, vector: vector() }));
  await measure("the newest", () => store.memories.recent({ ...view, kind: "fact" }));
} finally {
  Deno.removeSync(folder, { recursive: true });
}
