/** Checks that the model's provider can be reached, takes the key and has the models. Called by `doctor`. */

import { errorText } from "../../errors.ts";
import type { LlmConfig } from "../../config_types.ts";
import { type CheckContext, error, type Finding, ok, warning, withoutConfig } from "./check.ts";

/** What the `openai` SDK uses where no base URL is set. */
const defaultUrl = "https://api.openai.com/v1";
const timeoutMs = 5_000;
/** A clock that is further off than this is told, milliseconds. */
const maxSkewMs = 60_000;

export async function checkLlm({ config }: CheckContext): Promise<readonly Finding[]> {
  if (!config) return withoutConfig;
  const { apiKey, baseUrl } = config.llm;
  if (!apiKey && !baseUrl) {
    return warning(
      "none is set: the built-in echo model answers. Set OPENAI_API_KEY, OPENAI_BASE_URL.",
    );
  }
  const url = `${(baseUrl ?? defaultUrl).replace(/\/+$/, "")}/models`;
  const shown = new URL(url);
  shown.password = shown.username = "";
  let response: Response;
  try {
    response = await fetch(url, {
      headers: { authorization: `Bearer ${apiKey ?? "none"}` },
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (thrown) {
    return error(
      `Cannot reach ${shown}: ${errorText(thrown)}. Check OPENAI_BASE_URL, the network.`,
    );
  }
  const text = await response.text().catch(() => "");
  return [
    ...judge(response, { shown: shown.href, text, llm: config.llm }),
    ...checkClock(response),
  ];
}

function judge(
  { status, ok: fine }: Response,
  { shown, text, llm }: {
    readonly shown: string;
    readonly text: string;
    readonly llm: LlmConfig;
  },
): readonly Finding[] {
  if (status === 401 || status === 403) {
    return error(`${shown} refuses the key (${status}): check OPENAI_API_KEY`);
  }
  // Not every server lists its models.
  if (status === 404 || status === 405) {
    return warning(`${shown} answers with ${status}: the server is there, its models are not told`);
  }
  if (!fine) return error(`${shown} answers with ${status}: ${text.slice(0, 200)}`);
  const there = modelsOf(text);
  const wanted = [...new Set([llm.model, ...Object.values(llm.tierModels).filter(Boolean)])];
  const missing = wanted.filter((model) => !there.includes(model));
  if (there.length === 0 || missing.length === 0) {
    return ok(`${shown} answers; models: ${wanted.join(", ")}`);
  }
  const some = there.slice(0, 5).join(", ");
  return warning(
    `${shown} does not list ${missing.join(", ")}: check CLARA_MODEL. It has ${some}` +
      `${there.length > 5 ? ` and ${there.length - 5} more` : ""}.`,
  );
}

function modelsOf(text: string): readonly string[] {
  try {
    const { data } = JSON.parse(text) as { readonly data: readonly { readonly id: unknown }[] };
    return data.map(({ id }) => String(id));
  } catch {
    return [];
  }
}

function checkClock({ headers }: Response): readonly Finding[] {
  const skewMs = Date.now() - Date.parse(headers.get("date") ?? "");
  if (!(Math.abs(skewMs) > maxSkewMs)) return [];
  return warning(
    `the clock of this machine and the provider's are ${
      Math.round(Math.abs(skewMs) / 1000)
    } seconds apart: set it right (NTP)`,
  );
}
