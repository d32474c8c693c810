/** `/admin/hooks`: which hooks there are, how they went, and trying one out. */

import { Hono } from "hono";
import * as z from "zod";
import { errorText } from "../../lib/error_text.ts";
import type { HookRunner, HookStatus } from "../../automation/hooks/runner.ts";
import { sampleEvent } from "../../automation/hooks/sample_event.ts";
import type { RunStore } from "../../store/run_store.ts";
import { type ReadArguments, readWith } from "../../tools/tool.ts";
import { resultView, runQuery, runView } from "./run_view.ts";

/** What these routes are given. */
export interface HookRoutesOptions {
  readonly hooks: Pick<HookRunner, "list" | "test">;
  readonly runs: Pick<RunStore, "recent">;
}

const testBody = z.object({ event: z.string().optional() });

export function hookRoutes({ hooks, runs }: HookRoutesOptions): Hono {
  const app = new Hono();
  app.get("/", (context) => context.json({ hooks: hooks.list().map(hookView) }));
  app.get("/results", async (context) => {
    const query = readWith(runQuery, context.req.query());
    if ("problem" in query) return context.json({ error: query.problem }, 400);
    const { name, limit } = query.value as z.output<typeof runQuery>;
    const found = await runs.recent({ kind: "hook", name, limit });
    return context.json({ results: found.map(runView) });
  });
  app.post("/:name/test", async (context) => {
    const name = context.req.param("name");
    const status = hooks.list().find(({ hook }) => hook.name === name);
    if (!status) return context.json({ error: `There is no hook "${name}"` }, 404);
    const body = readBody(await context.req.text());
    if ("problem" in body) return context.json({ error: body.problem }, 400);
    const { event: wanted } = body.value as z.output<typeof testBody>;
    try {
      const event = sampleEvent(status.hook, { name: wanted });
      const result = await hooks.test(name, event);
      return context.json({ name, event: event.name, ...resultView(result!) });
    } catch (error) {
      return context.json({ error: errorText(error) }, 400);
    }
  });
  return app;
}

/** What a body wants; one that is empty wants nothing in particular. */
function readBody(text: string): ReadArguments {
  try {
    return readWith(testBody, text === "" ? {} : JSON.parse(text));
  } catch (error) {
    return { problem: `The body is not valid JSON: ${errorText(error)}` };
  }
}

/** A hook as it is listed. */
export function hookView({ hook, source, queued, running, dropped }: HookStatus) {
  const { name, event, description, enabled, priority, when, timeoutMs, action } = hook;
  return {
    name,
    event,
    description,
    enabled,
    priority,
    when,
    timeout: timeoutMs / 1000,
    type: action.type,
    source,
    queued,
    running,
    dropped,
  };
}
