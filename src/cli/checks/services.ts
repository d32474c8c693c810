/** Checks the services that the gateway uses: model providers and MCP servers. */

import { errorText } from "../../lib/error_text.ts";
import { fileExists } from "../../lib/files.ts";
import { type Model, modelsOf, type Provider } from "../../llm/catalog.ts";
import { readModels } from "../../llm/models_file.ts";
import { infoOf } from "../../server/mcp_request_handler.ts";
import { McpManager } from "../../tools/mcp/manager.ts";
import { type CheckContext, error, type Finding, ok, warning, withoutConfig } from "./check.ts";

/** The default of the `openai` SDK. */
const defaultUrl = "https://api.openai.com/v1";
const timeoutMs = 5_000;
/** How far the clock may differ from a provider's, milliseconds. */
const maxSkewMs = 60_000;

/** Each model's provider must be reachable, accept the key and have the model. */
export async function checkLlm({ config }: CheckContext): Promise<readonly Finding[]> {
  if (!config) return withoutConfig;
  let models: readonly Model[];
  try {
    models = modelsOf(await readModels(config));
  } catch {
    return warning("not checked: the file of models is invalid");
  }
  if (models.length === 0) {
    return warning(
      "no model is configured, so the built-in echo model answers. " +
        "Set OPENAI_API_KEY or OPENAI_BASE_URL, or write a models.yaml.",
    );
  }
  const advice = fileExists(config.modelsFile) ? inFile(config.modelsFile) : inSettings;
  const providers = [...new Set(models.map(({ provider }) => provider))];
  const findings = await Promise.all(providers.map((provider) => {
    const ids = models.filter((model) => model.provider === provider).map(({ id }) => id);
    return checkProvider(provider, { wanted: [...new Set(ids)], advice });
  }));
  return findings.flat();
}

/** Where to fix a problem. */
interface Advice {
  readonly url: string;
  readonly key: string;
  readonly model: string;
}

const inSettings: Advice = { url: "OPENAI_BASE_URL", key: "OPENAI_API_KEY", model: "CLARA_MODEL" };

function inFile(path: string): Advice {
  return { url: `base_url in ${path}`, key: `api_key in ${path}`, model: path };
}

/** What is expected of a provider. */
interface Expectation {
  /** The ids of models. */
  readonly wanted: readonly string[];
  readonly advice: Advice;
}

async function checkProvider(
  { apiKey, baseUrl, headers }: Provider,
  { wanted, advice }: Expectation,
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
    return error(
      `Cannot reach ${shown}: ${errorText(thrown)}. Check ${advice.url} and the network.`,
    );
  }
  const text = await response.text().catch(() => "");
  return [
    ...checkModels(response, { url: shown.href, text, wanted, advice }),
    ...checkClock(response),
  ];
}

function checkModels(
  { status, ok: success }: Response,
  { url, text, wanted, advice }: Expectation & { readonly url: string; readonly text: string },
): readonly Finding[] {
  if (status === 401 || status === 403) {
    return error(`${url} rejects the key (${status}): check ${advice.key}`);
  }
  // Not every server lists its models.
  if (status === 404 || status === 405) {
    return warning(`${url} answers ${status}: the server is up but does not list its models`);
  }
  if (!success) return error(`${url} answers ${status}: ${text.slice(0, 200)}`);
  const available = parseModelIds(text);
  const missing = wanted.filter((model) => !available.includes(model));
  if (available.length === 0 || missing.length === 0) {
    return ok(`${url} responds; models: ${wanted.join(", ")}`);
  }
  const some = available.slice(0, 5).join(", ");
  return warning(
    `${url} does not list ${missing.join(", ")}: check ${advice.model}. It lists ${some}` +
      `${available.length > 5 ? ` and ${available.length - 5} more` : ""}.`,
  );
}

function parseModelIds(text: string): readonly string[] {
  try {
    const { data } = JSON.parse(text) as { readonly data: readonly { readonly id: unknown }[] };
    return data.map(({ id }) => String(id));
  } catch {
    return [];
  }
}

function checkClock({ headers }: Response): readonly Finding[] {
  const skewMs = Math.abs(Date.now() - Date.parse(headers.get("date") ?? ""));
  if (!(skewMs > maxSkewMs)) return [];
  return warning(
    `the clocks of this machine and of the provider are ${Math.round(skewMs / 1000)} seconds ` +
      "apart; synchronize this one with NTP",
  );
}

/** Starts each MCP server, in a process of its own, and stops it again. */
export async function checkMcp({ config }: CheckContext): Promise<readonly Finding[]> {
  if (!config) return withoutConfig;
  await using manager = McpManager.fromConfig(config);
  const servers = manager.servers();
  await Promise.all(servers.map((server) => server.start()));
  if (servers.length === 0) return ok("no servers are configured");
  return servers.flatMap((server) => {
    const { name, enabled, status, tool_count, last_error } = infoOf(server);
    if (!enabled) return ok(`${name} is disabled`);
    if (status === "running") return ok(`${name} starts, with ${tool_count} tools`);
    if (server.state === "login_required") return error(`${name}: ${last_error}`);
    return error(`${name} does not start: ${last_error ?? status}`);
  });
}
