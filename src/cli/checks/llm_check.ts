/** Checks that each model's provider can be reached, takes the key and has the models. Called by `doctor`. */

import { existsSync } from "node:fs";
import { errorText } from "../../lib/error_text.ts";
import { type Model, modelsOf, type Provider } from "../../llm/catalog.ts";
import { readModels } from "../../llm/models_file.ts";
import { type CheckContext, error, type Finding, ok, warning, withoutConfig } from "./check.ts";

/** What the `openai` SDK uses where no base URL is set. */
const defaultUrl = "https://api.openai.com/v1";
const timeoutMs = 5_000;
/** A clock that is further off than this is told, milliseconds. */
const maxSkewMs = 60_000;

export async function checkLlm({ config }: CheckContext): Promise<readonly Finding[]> {
  if (!config) return withoutConfig;
  let models: readonly Model[];
  try {
    models = modelsOf(await readModels(config));
  } catch {
    return warning("not checked: the file of the models is wrong");
  }
  if (models.length === 0) {
    return warning(
      "none is set: the built-in echo model answers. Set OPENAI_API_KEY, OPENAI_BASE_URL, or write a models.yaml.",
    );
  }
  const advice = existsSync(config.modelsFile) ? inFile(config.modelsFile) : inSettings;
  const providers = [...new Set(models.map(({ provider }) => provider))];
  const found = await Promise.all(providers.map((provider) => {
    const ids = models.filter((model) => model.provider === provider).map(({ id }) => id);
    return checkProvider(provider, { wanted: [...new Set(ids)], advice });
  }));
  return found.flat();
}

/** Where to mend what is wrong. */
interface Advice {
  readonly url: string;
  readonly key: string;
  readonly model: string;
}

const inSettings: Advice = { url: "OPENAI_BASE_URL", key: "OPENAI_API_KEY", model: "CLARA_MODEL" };

function inFile(path: string): Advice {
  return { url: `base_url in ${path}`, key: `api_key in ${path}`, model: path };
}

/** What is asked of a provider. */
interface Wanted {
  readonly wanted: readonly string[];
  readonly advice: Advice;
}

async function checkProvider(
  { apiKey, baseUrl, headers }: Provider,
  { wanted, advice }: Wanted,
): Promise<readonly Finding[]> {
  const url = `${(baseUrl ?? defaultUrl).replace(/\/+$/, "")}/models`;
  const shown = new URL(url);
  shown.password = shown.username = "";
  let response: Response;
  try {
    response = await fetch(url, {
      headers: { authorization: `Bearer ${apiKey ?? "none"}`, ...headers },
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (thrown) {
    return error(`Cannot reach ${shown}: ${errorText(thrown)}. Check ${advice.url}, the network.`);
  }
  const text = await response.text().catch(() => "");
  return [
    ...judge(response, { shown: shown.href, text, wanted, advice }),
    ...checkClock(response),
  ];
}

function judge(
  { status, ok: fine }: Response,
  { shown, text, wanted, advice }: Wanted & { readonly shown: string; readonly text: string },
): readonly Finding[] {
  if (status === 401 || status === 403) {
    return error(`${shown} refuses the key (${status}): check ${advice.key}`);
  }
  // Not every server lists its models.
  if (status === 404 || status === 405) {
    return warning(`${shown} answers with ${status}: the server is there, its models are not told`);
  }
  if (!fine) return error(`${shown} answers with ${status}: ${text.slice(0, 200)}`);
  const there = listed(text);
  const missing = wanted.filter((model) => !there.includes(model));
  if (there.length === 0 || missing.length === 0) {
    return ok(`${shown} answers; models: ${wanted.join(", ")}`);
  }
  const some = there.slice(0, 5).join(", ");
  return warning(
    `${shown} does not list ${missing.join(", ")}: check ${advice.model}. It has ${some}` +
      `${there.length > 5 ? ` and ${there.length - 5} more` : ""}.`,
  );
}

function listed(text: string): readonly string[] {
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
