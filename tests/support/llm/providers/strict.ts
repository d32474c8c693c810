/** The checks that the strictest providers make of a request, together. Pure. */

import assert from "node:assert/strict";
import type { ChatMessage, ChatRequest } from "../chat_request.ts";
import {
  hasImage,
  type ModelAnswer,
  openAiRefusal,
  type ProviderProfile,
  type Refusal,
} from "./profile.ts";

const always = new Set(["model", "messages", "stream", "tools"]);
/** Keywords that one provider or another refuses in a tool's schema. */
const schemaWords =
  /"(?:\$ref|\$schema|\$defs|const|oneOf|allOf|additionalProperties|prefixItems)":/;

/** How a provider refuses a request; undefined if it takes it. */
export function refusalOf(
  profile: ProviderProfile,
  { body, answers }: {
    readonly body: ChatRequest;
    /** The answers of this turn so far. */
    readonly answers: readonly ModelAnswer[];
  },
): Refusal | undefined {
  const unknown = Object.keys(body).find((name) =>
    !always.has(name) && !profile.parameters.includes(name)
  );
  if (unknown !== undefined) return profile.unknownParameter(unknown);
  const own = profile.refuses?.(body);
  if (own) return own;
  if (profile.vision === false && body.messages.some(hasImage)) {
    throw new Error("An image to a model without vision needs a scripted refusal");
  }
  const problem = orderProblem(body.messages) ?? toolsProblem(body);
  if (problem !== undefined) return openAiRefusal(`STRICT: ${problem}`);
  return fieldsRefusal(profile, body.messages, answers);
}

function orderProblem(messages: readonly ChatMessage[]): string | undefined {
  const open = new Set<string>();
  const ids = new Set<string>();
  let before: ChatMessage["role"] | undefined;
  for (const [index, message] of messages.entries()) {
    const { role } = message;
    const problem = (text: string) => `messages[${index}]: ${text}`;
    if (role === "system" && index > 0) return problem("a system message comes first");
    if (role !== "tool" && open.size > 0) return problem("a call has no result");
    if (role === "user" && before === "tool") return problem("user after tool");
    if (role === "user" && before === "user") return problem("two user messages");
    if (role === "assistant" && before !== "user" && before !== "tool") {
      return problem("an assistant message follows a user's or a result");
    }
    if (isEmpty(message)) return problem("it is empty");
    for (const { id, type, function: called } of message.tool_calls ?? []) {
      if (!/^[A-Za-z0-9_-]{1,40}$/.test(id)) return problem(`the id "${id}"`);
      if (ids.has(id)) return problem(`the id "${id}" is used twice`);
      if (type !== "function") return problem("a call of no type");
      if (!isObjectText(called.arguments)) return problem("arguments are no object");
      ids.add(id);
      open.add(id);
    }
    if (role === "tool" && !open.delete(message.tool_call_id!)) return problem("no such call");
    before = role;
  }
  if (open.size > 0) return "a call has no result";
  return before === "user" || before === "tool" ? undefined : "the last message is the model's";
}

function isEmpty({ role, content, tool_calls }: ChatMessage): boolean {
  if (role === "assistant" && tool_calls?.length) return false;
  return content === null || content === undefined || content.length === 0;
}

function toolsProblem({ messages, tools }: ChatRequest): string | undefined {
  const called = messages.some(({ tool_calls }) => tool_calls?.length);
  if (called && !tools?.length) return "calls without tools";
  for (const { function: { name, parameters } } of tools ?? []) {
    if (!/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/.test(name)) return `the tool name "${name}"`;
    if (parameters?.type !== "object") return `${name}: parameters are no object`;
    if (schemaWords.test(JSON.stringify(parameters))) return `${name}: its schema`;
  }
  return undefined;
}

/** Compares the fields of this turn's messages with calls to those that were sent. */
function fieldsRefusal(
  { sentBack = () => ({}), missingFields }: ProviderProfile,
  messages: readonly ChatMessage[],
  answers: readonly ModelAnswer[],
): Refusal | undefined {
  const callers = messages.filter(({ tool_calls }) => tool_calls?.length);
  const foreign = callers.length - answers.length;
  // Calls of another model, after a fallback, have no fields of this provider's.
  if (foreign > 0 && missingFields) return missingFields(messages.indexOf(callers[0]!));
  for (const [index, message] of callers.slice(foreign).entries()) {
    const answer = answers[index]!;
    const { message: expected = {}, content = answer.text ?? null, calls } = sentBack(
      answer,
      index,
    );
    const { role: _, content: foundContent, tool_calls = [], ...fields } = message;
    const found = tool_calls.map((
      { id: _, type: __, function: { name: ___, arguments: ____, ...inside }, ...more },
    ) => ({
      ...more,
      ...(Object.keys(inside).length > 0 && { function: inside }),
    }));
    try {
      assert.deepEqual(fields, expected);
      assert.deepEqual(foundContent, content);
      assert.deepEqual(found, calls ?? tool_calls.map(() => ({})));
    } catch (error) {
      const refusal = missingFields?.(messages.indexOf(message));
      return refusal ?? openAiRefusal(`STRICT: fields of ${index}: ${(error as Error).message}`);
    }
  }
  return undefined;
}

function isObjectText(text: string): boolean {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
