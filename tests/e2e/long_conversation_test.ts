/**
 * A conversation much longer than the model's window: every request fits and contains the persona
 * and the latest messages; older ones are summarized without a gap.
 */

import assert from "node:assert/strict";
import type { AdapterClient } from "../support/adapter/client.ts";
import { type ChatRequest, lastText, textOf } from "../support/llm/chat_request.ts";
import { LlmServer } from "../support/llm/server.ts";
import { requestTokens } from "../support/llm/request_tokens.ts";
import { TestGateway } from "../support/test_gateway.ts";

const contextTokens = 8_000;
/** Tokens reserved for an answer. */
const reserve = contextTokens / 4;
const turns = 500;
const turnsAfterRestart = 100;

const isSummary = ({ messages }: ChatRequest) =>
  textOf(messages[0]!).startsWith("You keep the notes");

/** The turn numbers mentioned in a text, in order. */
function turnsIn(text: string): readonly number[] {
  return [...new Set([...text.matchAll(/turn-(\d+)/g)].map((match) => Number(match[1])))];
}

/** What a user says: mostly short, sometimes so long that little else fits. */
const isLong = (turn: number) => turn % 40 === 7;

function message(turn: number): string {
  const more = isLong(turn) ? 900 : turn % 7 * 12;
  return `turn-${turn}: please note this down` + " and that".repeat(more);
}

/**
 * A model whose summaries name the newest turn, in notes that would grow for ever. It checks that
 * no line is skipped or repeated.
 */
class Notes {
  covered = 0;
  readonly sizes: number[] = [];
  readonly problems: string[] = [];

  sumUp(request: ChatRequest): string {
    const [notes, lines] = lastText(request).split("\n\n# Lines\n");
    const known = Number(/up to (\d+)/.exec(notes!)?.[1] ?? 0);
    const told = turnsIn(lines!);
    if (known !== this.covered) this.problems.push(`notes of ${known}, not ${this.covered}`);
    told.forEach((turn, index) => {
      const expected = known + 1 + index;
      if (turn !== expected) this.problems.push(`turn ${turn} where ${expected} was to come`);
    });
    this.covered = told.at(-1)!;
    const text = `up to ${this.covered}:` + " something".repeat(this.covered * 3);
    this.sizes.push(text.length);
    return text;
  }
}

/** What a chat request shows of the conversation. */
function shown({ messages }: ChatRequest) {
  const system = textOf(messages[0]!);
  const known = Number(/\(a summary; [^\n]*\nup to (\d+)/.exec(system)?.[1] ?? 0);
  return { system, known, lines: turnsIn(messages.slice(1).map(textOf).join("\n")) };
}

async function converse(
  adapter: AdapterClient,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<void> {
  for (let turn = from; turn <= to; turn++) {
    const { terminal } = await adapter.replyTo(adapter.say(message(turn)));
    assert.equal(terminal.type, "response_end", JSON.stringify(terminal));
  }
}

Deno.test("five hundred turns with a window of 8,000 tokens, and more after a restart", async () => {
  const notes = new Notes();
  await using llm = await LlmServer.start();
  llm.when(isSummary, (request) => ({ text: notes.sumUp(request) }));
  llm.when(() => true, (request) => ({
    text: `Noted: ${/turn-\d+/.exec(lastText(request))?.[0]}.` + " I see.".repeat(20),
  }));
  await using gateway = await TestGateway.start({ llm, config: { llm: { contextTokens } } });
  {
    await using adapter = await gateway.connect();
    await converse(adapter, { from: 1, to: turns });
  }
  await gateway.restart();
  await using adapter = await gateway.connect();
  await converse(adapter, { from: turns + 1, to: turns + turnsAfterRestart });
  await gateway.stop();

  assert.deepEqual(notes.problems, []);
  const answers = llm.requests.map(({ body }) => body).filter((body) => !isSummary(body));
  assert.equal(answers.length, turns + turnsAfterRestart);
  let late = 0;
  for (const [index, body] of answers.entries()) {
    const turn = index + 1;
    const tokens = requestTokens(body);
    assert.ok(tokens <= contextTokens - reserve, `turn ${turn} has ${tokens} tokens`);
    const { system, known, lines } = shown(body);
    assert.match(system, /^You are Clara/);
    assert.equal(lastText(body), message(turn));
    // No turn is missing between two that are shown, and no summarized turn is shown.
    assert.deepEqual(lines, lines.map((_, at) => lines[0]! + at));
    assert.equal(lines.at(-1), turn);
    assert.ok(lines[0]! > known, `turn ${lines[0]} is shown and summed up`);
    if (lines[0] !== known + 1 && !isLong(turn)) late++;
  }
  for (const { body } of llm.requests) {
    assert.ok(requestTokens(body) <= contextTokens - reserve, "a request for a summary fits, too");
  }
  // A summary may finish after the next turn has started, but rarely.
  assert.ok(late < answers.length / 50, `${late} turns missed lines that no summary covered yet`);
  const summaries = llm.requests.length - answers.length;
  // Each covers many turns, so that the lines shown stay the same for a while.
  assert.ok(summaries > 20 && summaries < answers.length / 3, `${summaries} summaries`);
  assert.ok(notes.covered > turns + turnsAfterRestart - 60);
  // The notes grow up to their share of the window and no further.
  const sizes = answers.map((body) => /up to \d+:[^\n]*/.exec(shown(body).system)?.[0].length ?? 0);
  assert.ok(sizes[60]! < sizes[200]!);
  assert.ok(Math.max(...sizes) < 6_000, `notes of ${Math.max(...sizes)} characters`);
  assert.ok(Math.max(...notes.sizes) > 10_000, "the model would have written more");
});
