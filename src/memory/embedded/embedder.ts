/** Turns texts into vectors with an OpenAI-compatible `/embeddings` API. */

import * as z from "zod";
import type { EmbeddingConfig } from "../../config/gateway_config.ts";
import { cappedText } from "../../lib/bytes.ts";
import { MemoryError } from "../port.ts";

/** Characters of a text that are embedded; models accept a few thousand tokens. */
const maxChars = 8_000;

/** Statuses below 500 that do not depend on the texts. */
const transientStatuses: readonly number[] = [401, 402, 403, 404, 408, 409, 425, 429];

const answerSchema = z.object({
  data: z.array(z.object({ index: z.number(), embedding: z.array(z.number()).min(1) })),
});

export class Embedder {
  readonly model: string;
  readonly #config: EmbeddingConfig;

  constructor(config: EmbeddingConfig) {
    this.#config = config;
    this.model = config.model;
  }

  /**
   * Returns the vectors of texts, in their order.
   *
   * @throws {MemoryError} if the API fails; not `transient` if it rejects the texts.
   */
  async embed(
    texts: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly Float32Array[]> {
    const { apiKey, baseUrl, model } = this.#config;
    let response: Response;
    let body: unknown;
    try {
      response = await fetch(`${baseUrl.replace(/\/+$/, "")}/embeddings`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          ...(apiKey && { authorization: `Bearer ${apiKey}` }),
        },
        body: JSON.stringify({
          model,
          input: texts.map((text) => text.slice(0, maxChars) || " "),
          encoding_format: "float",
        }),
        // Send user text only to the configured server.
        redirect: "error",
        signal,
      });
      body = response.ok ? JSON.parse(await cappedText(response)) : await response.body?.cancel();
    } catch (error) {
      throw new MemoryError("Cannot get embeddings: no readable response", {
        transient: true,
        cause: error,
      });
    }
    if (!response.ok) {
      const { status } = response;
      throw new MemoryError(`Cannot get embeddings: model "${model}" returned status ${status}`, {
        transient: status >= 500 || transientStatuses.includes(status),
      });
    }
    return readVectors(body, texts.length);
  }
}

function readVectors(body: unknown, count: number): readonly Float32Array[] {
  const parsed = answerSchema.safeParse(body);
  const data = parsed.data?.data.toSorted((a, b) => a.index - b.index);
  if (data?.length !== count) {
    throw new MemoryError("Cannot get embeddings: expected one vector for each text", {
      transient: true,
    });
  }
  return data.map(({ embedding }) => Float32Array.from(embedding));
}
