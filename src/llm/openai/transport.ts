/** The HTTP side of one OpenAI-compatible API: the address, the headers, one POST. */

import type { Provider } from "../catalog.ts";
import type { ChatBody } from "./chat_request.ts";
import { errorOfResponse } from "./provider_error.ts";

const openAiUrl = "https://api.openai.com/v1";

export class ChatTransport {
  readonly #url: string;
  readonly #headers: Headers;

  constructor({ apiKey, baseUrl, headers }: Provider) {
    this.#url = chatUrl(baseUrl ?? openAiUrl);
    this.#headers = new Headers({
      accept: "text/event-stream, application/json",
      "content-type": "application/json",
      ...(apiKey && { authorization: `Bearer ${apiKey}` }),
    });
    for (const [name, value] of Object.entries(headers)) this.#headers.set(name, value);
  }

  /**
   * Sends a request; resolves with the response once its head has arrived.
   *
   * @throws {ProviderError} if the status is not 2xx; what `fetch` throws.
   */
  async post(body: ChatBody, signal: AbortSignal): Promise<Response> {
    const response = await fetch(this.#url, {
      method: "POST",
      headers: this.#headers,
      body: JSON.stringify(body),
      // What users said goes to the configured server and to no other.
      redirect: "manual",
      signal,
    });
    if (!response.ok) throw await errorOfResponse(response);
    return response;
  }
}

/** The address for chat completions; a base URL may carry a query (Azure), or be that address already. */
export function chatUrl(baseUrl: string): string {
  const url = new URL(baseUrl);
  const path = url.pathname.replace(/\/+$/, "");
  url.pathname = path.endsWith("/chat/completions") ? path : `${path}/chat/completions`;
  return url.href;
}
