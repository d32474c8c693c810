/**
 * An OpenAI-compatible `/embeddings` for tests that knows a few synonyms. Each meaning is a direction,
 * and the vector of a text is the sum of those of its words.
 */

/** Groups of synonyms. */
const meanings: readonly (readonly string[])[] = [
  ["cat", "pet", "animal", "katze"],
  ["tea", "drink", "beverage"],
  ["boat", "row", "water"],
  ["home", "live", "city", "rome"],
];
const dimensions = 64;

export class EmbeddingServer implements AsyncDisposable {
  readonly url: string;
  /** The texts of each request. */
  readonly requests: (readonly string[])[] = [];
  /** While set, every response has this status. */
  broken?: number;
  /** Requests with a text that contains this word are rejected. */
  refused?: string;
  /** Awaited before each response. */
  gate?: Promise<void>;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      async (request) => {
        const { input } = await request.json() as { readonly input: readonly string[] };
        this.requests.push(input);
        await this.gate;
        const { refused } = this;
        if (refused !== undefined && input.some((text) => text.includes(refused))) {
          return new Response("refused", { status: 400 });
        }
        if (this.broken !== undefined) return new Response("broken", { status: this.broken });
        const data = input.map((text, index) => ({ index, embedding: embed(text) }));
        // Not in the order of the texts.
        return Response.json({ data: data.toReversed() });
      },
    );
    this.url = `http://127.0.0.1:${this.#server.addr.port}/v1`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

function embed(text: string): number[] {
  const words = text.toLowerCase().match(/[a-z]+/g) ?? [];
  const vector = Array.from({ length: dimensions }, (_, index) => index % 2 === 0 ? 0.01 : -0.01);
  meanings.forEach((same, index) => {
    const count = words.filter((word) => same.includes(word.replace(/s$/, ""))).length;
    for (let offset = 0; offset < 8; offset++) vector[index * 8 + offset]! += count;
  });
  return vector;
}
