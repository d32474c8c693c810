import assert from "node:assert/strict";
import { fetchUrl, type FetchUrlOptions } from "../../../src/tools/builtin/web.ts";
import { EgressGuard } from "../../../src/tools/web/egress_guard.ts";
import { callTool } from "../call_tool.ts";
import { type Answer, html, redirect, type WebSite, webSite } from "../web/web_site.ts";

type Read = (path: string, json?: Readonly<Record<string, unknown>>) => Promise<string>;

interface Fixture {
  readonly site: WebSite;
  /** Fetches a path of the site as if it were public. */
  readonly read: Read;
}

function testSite(
  sentence: string,
  answer: Answer,
  test: (fixture: Fixture) => Promise<void>,
  options: Partial<FetchUrlOptions> = {},
): void {
  Deno.test(sentence, async () => {
    await using site = webSite(answer);
    using guard = new EgressGuard({ allowAddresses: [site.address] });
    const tool = fetchUrl({ guard, ...options });
    const read: Read = async (path, json = {}) =>
      String(await callTool(tool, { url: new URL(path, site.url).href, ...json }));
    await test({ site, read });
  });
}

function typed(body: BodyInit | null, type: string): Response {
  return new Response(body, { headers: { "content-type": type } });
}

testSite(
  "a page is returned with its title, URL and text",
  (path) => path === "/" ? redirect("/page") : html("<title>Tea</title><h1>Green tea</h1>"),
  async ({ site, read }) => {
    assert.equal(
      await read("/"),
      `Title: Tea\nURL: ${site.url}/page\nCharacters 0 to 9 of 9\n\nGreen tea`,
    );
  },
);

testSite(
  "a long page is read in parts",
  () => typed("0123456789", "text/plain"),
  async ({ read }) => {
    assert.match(
      await read("/", { max_chars: 4 }),
      /Characters 0 to 4 of 10; continue with start 4\n\n0123$/,
    );
    assert.match(await read("/", { start: 4 }), /Characters 4 to 10 of 10\n\n456789$/);
    await assert.rejects(read("/", { start: 10 }), /the page has only 10 characters/);
  },
);

testSite(
  "text, JSON, XML and Markdown are returned unchanged",
  (path) => typed("<a>{}</a>", decodeURIComponent(path.slice(1))),
  async ({ read }) => {
    const types = [
      ...["text/plain", "text/markdown; charset=utf-8", "application/json", "application/xml"],
      ...["application/ld+json", "APPLICATION/RSS+XML", "text/csv", "application/yaml"],
    ];
    for (const type of types) {
      assert.match(await read(`/${encodeURIComponent(type)}`), /\n\n<a>\{\}<\/a>$/, type);
    }
  },
);

testSite(
  "content that is not text is refused",
  (path) => typed("x", path.slice(1)),
  async ({ read }) => {
    for (const type of ["image/png", "application/pdf", "application/octet-stream"]) {
      await assert.rejects(read(`/${type}`), new RegExp(`its type is "${type}"; only text`));
    }
  },
);

testSite(
  "an HTTP error is reported with its status",
  () => new Response("gone", { status: 404 }),
  ({ read }) => assert.rejects(read("/"), /the server answered 404/),
);

testSite(
  "a redirect to an address that is not public is refused",
  (path) => redirect(decodeURIComponent(path.slice(1))),
  async ({ site, read }) => {
    const targets = [
      ...["http://127.0.0.1:1234/", "http://localhost:1234/", "http://169.254.169.254/latest"],
      ...["http://[::1]:1234/", "//10.0.0.1/", "http://0x7f000001/"],
    ];
    for (const target of targets) {
      await assert.rejects(
        read(`/${encodeURIComponent(target)}`),
        /not a public internet address/,
        target,
      );
    }
    await assert.rejects(read("/file%3A%2F%2F%2Fetc%2Fpasswd"), /only http and https/);
    assert.equal(site.requests.length, targets.length + 1);
  },
);

testSite("endless redirects are refused", () => redirect("/"), async ({ site, read }) => {
  await assert.rejects(read("/"), /more than 5 redirects/);
  assert.equal(site.requests.length, 6);
});

testSite(
  "an endless page is cut off",
  () => {
    const line = new TextEncoder().encode("x".repeat(1000));
    return typed(new ReadableStream({ pull: (stream) => stream.enqueue(line) }), "text/plain");
  },
  async ({ read }) => {
    assert.match(
      await read("/", { max_chars: 1 }),
      /Characters 0 to 1 of 10000; .*the page is longer, the rest was not read/,
    );
  },
  { maxBytes: 10_000 },
);

testSite(
  "a compressed page is cut off at its uncompressed size",
  async () => {
    const packed = new Blob(["x".repeat(1_000_000)]).stream()
      .pipeThrough(new CompressionStream("gzip"));
    const headers = { "content-type": "text/plain", "content-encoding": "gzip" };
    return new Response(await new Response(packed).arrayBuffer(), { headers });
  },
  async ({ read }) => {
    assert.match(await read("/", { max_chars: 1 }), /Characters 0 to 1 of 10000/);
  },
  { maxBytes: 10_000 },
);

testSite(
  "a server that does not answer times out",
  (_, closing) => closing,
  ({ read }) => assert.rejects(read("/"), /it took longer than 0\.05 seconds/),
  { timeoutMs: 50 },
);

Deno.test("cancelling ends a download at once", async () => {
  const began = Promise.withResolvers<void>();
  await using site = webSite((_, closing) => {
    began.resolve();
    return closing;
  });
  using guard = new EgressGuard({ allowAddresses: [site.address] });
  const cancel = new AbortController();
  const run = { signal: cancel.signal };
  const fetching = callTool(fetchUrl({ guard }), { url: site.url }, run);
  await began.promise;
  cancel.abort(new Error("cancelled"));
  await assert.rejects(fetching, /^Error: cancelled$/);
});

testSite(
  "the encoding comes from the header, else from the page",
  (path) => {
    const latin = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
    switch (path) {
      case "/header":
        return typed(latin("caf\xe9"), "text/plain; charset=ISO-8859-1");
      case "/meta":
        return typed(latin('<meta charset="windows-1252">caf\xe9'), "text/html");
      case "/xml":
        return typed(latin('<?xml version="1.0" encoding="latin1"?>caf\xe9'), "text/xml");
      case "/unknown":
        return typed("café", "text/plain; charset=klingon");
      default:
        return typed("café", "text/plain");
    }
  },
  async ({ read }) => {
    for (const path of ["/header", "/meta", "/xml", "/unknown", "/none"]) {
      assert.match(await read(path), /café$/, path);
    }
  },
);

Deno.test("an invalid URL, or one that is not http, is refused", async () => {
  using guard = new EgressGuard();
  const tool = fetchUrl({ guard });
  await assert.rejects(callTool(tool, { url: "example" }), /it is not a complete URL/);
  await assert.rejects(callTool(tool, { url: "file:///etc/passwd" }), /only http and https/);
  await assert.rejects(
    callTool(tool, { url: "http://localhost/" }),
    /not a public internet address/,
  );
  assert.equal(tool.describe({ url: "https://example.com/a?b" }), "Reading example.com");
  assert.equal(tool.describe({ url: "?" }), "Reading a web page");
});
