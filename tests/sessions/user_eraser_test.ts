import assert from "node:assert/strict";
import type { RequestKey } from "../../src/domain/request.ts";
import { UserEraser, type UserEraserOptions } from "../../src/sessions/user_eraser.ts";
import type { ForgottenRows } from "../../src/store/forget_store.ts";

const ada = { platform: "test", userId: "ada" };
const request: RequestKey = { nodeId: "node-1", requestId: "r-1" };
const rows: ForgottenRows = {
  requests: 2,
  history: 4,
  sessions: 1,
  summaries: 0,
  memories: 3,
  reminders: 0,
  usage: 2,
  exchanges: 0,
};

/** Returns an eraser whose store has `unfinished` requests, and the calls in their order. */
function eraserWith(
  unfinished: RequestKey[],
  options: Partial<UserEraserOptions> = {},
) {
  const calls: string[] = [];
  const eraser = new UserEraser({
    store: {
      unfinished: () => Promise.resolve([...unfinished]),
      forget: (_, { unfinishedToo } = {}) => {
        if (unfinished.length > 0 && !unfinishedToo) return Promise.resolve(undefined);
        calls.push("forget");
        return Promise.resolve(rows);
      },
      scrub: () => Promise.resolve(void calls.push("scrub")),
    },
    router: {
      cancel: ({ requestId }) => {
        calls.push(`cancel ${requestId}`);
        unfinished.length = 0;
        return true;
      },
    },
    forgetFrames: (platform) => Promise.resolve(void calls.push(`frames of ${platform}`)),
    elsewhere: {
      files: () => {
        calls.push("files");
        return Promise.resolve(5);
      },
    },
    ...options,
  });
  return { eraser, calls };
}

Deno.test("erasing a user cancels requests, then clears the store, files and frames", async () => {
  const { eraser, calls } = eraserWith([request]);
  assert.deepEqual(await eraser.erase(ada), { type: "erased", counts: { ...rows, files: 5 } });
  assert.deepEqual(calls, ["cancel r-1", "forget", "files", "frames of test", "scrub"]);
});

Deno.test("a request that does not end in time prevents the erasure", async () => {
  const { eraser, calls } = eraserWith([request], {
    router: { cancel: () => false },
    cancelMs: 40,
  });
  assert.deepEqual(await eraser.erase(ada), { type: "busy", requests: 1 });
  assert.deepEqual(calls, []);
});

Deno.test("without a gateway, unfinished requests are deleted with the rest", async () => {
  const { eraser, calls } = eraserWith([request], { router: undefined, forgetFrames: undefined });
  assert.equal((await eraser.erase(ada)).type, "erased");
  assert.deepEqual(calls, ["forget", "files", "scrub"]);
});
