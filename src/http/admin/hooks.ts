/** `/admin/hooks`: lists hooks and their runs, and test-runs one. */

import { Hono } from "hono";
import * as z from "zod";
import { errorText } from "../../lib/error_text.ts";
import type { HookRunner, HookStatus } from "../../automation/hooks/runner.ts";
import { sampleEvent } from "../../automation/hooks/sample_event.ts";
import type { RunStore } from "../../store/run_store.ts";
import { type Parsed, parseWith } from "../../lib/schema.ts";
import { listRuns, resultView } from "./runs.ts";

/** Options of {@linkcode hookRoutes}. */
export interface HookRoutesOptions {
  readonly hooks: Pick<HookRunner, "list" | "test">;
  readonly runs: Pick<RunStore, "recent">;
}

const testBody = z.object({ event: z.string().optional() });

export function hookRoutes({ hooks, runs }: HookRoutesOptions): Hono {
  const app = new Hono();
  app.get("/", (context) => context.json({ hooks: hooks.list().map(hookView) }));
  app.get("/results", listRuns(runs, "hook"));
  app.post("/:name/test", async (context) => {
    const name = context.req.param("name");
    const status = hooks.list().find(({ hook }) => hook.name === name);
    if (!status) return context.json({ error: `There is no hook "${name}"` }, 404);
    const body = readBody(await context.req.text());
    if ("problem" in body) return context.json({ error: body.problem }, 400);
    try {
      const event = sampleEvent(status.hook, { name: body.value.event });
      const result = await hooks.test(name, event);
      return context.json({ name, event: event.name, ...resultView(result!) });
    } catch (error) {
      return context.json({ error: errorText(error) }, 400);
    }
  });
  return app;
}

/** Parses a body; an empty one counts as `{}`. */
function readBody(text: string): Parsed<z.output<typeof testBody>> {
  try {
    return parseWith(testBody, text === "" ? {} : JSON.parse(text));
  } catch (error) {
    return { problem: `The body is not valid JSON: ${errorText(error)}` };
  }
}

/** The JSON of a hook. */
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
