import assert from "node:assert/strict";
import { EgressError, EgressGuard } from "../../../src/tools/web/egress_guard.ts";
import { html, webSite } from "./web_site.ts";

/** Fetches with a new pass; returns the text, or why the guard refused. */
async function tryFetch(guard: EgressGuard, url: string): Promise<string> {
  using pass = guard.open();
  try {
    const response = await fetch(url, { client: pass.client });
    return await response.text();
  } catch (error) {
    if (pass.refusal) return pass.refusal.message;
    throw error;
  }
}

Deno.test("an address that is not public is refused, as a number and as a name", async () => {
  await using site = webSite(() => html("inside"));
  using guard = new EgressGuard();
  for (const host of ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"]) {
    const text = await tryFetch(guard, `http://${host}:${site.port}/`);
    assert.match(text, /Cannot reach .* it is not a public internet address/, host);
  }
  assert.deepEqual(site.requests, []);
});

Deno.test("a host is refused if any of its addresses is not public", async () => {
  await using site = webSite(() => html("inside"));
  using guard = new EgressGuard({
    lookup: () => Promise.resolve(["93.184.215.14", "10.0.0.1"]),
  });
  assert.equal(
    await tryFetch(guard, `http://mixed.test:${site.port}/`),
    'Cannot reach "mixed.test" (10.0.0.1): it is not a public internet address',
  );
});

Deno.test("an unknown host is reported as such", async () => {
  using guard = new EgressGuard({ lookup: () => Promise.reject(new Error("ENOTFOUND")) });
  assert.equal(await tryFetch(guard, "http://gone.test/"), 'Cannot find the host "gone.test"');
});

Deno.test("a host is connected to the address that was checked, even if it changes (DNS rebinding)", async () => {
  await using outside = webSite(() => html("outside"));
  await using inside = webSite(() => html("inside"), {
    hostname: "127.0.0.2",
    port: outside.port,
  });
  const answers = [["127.0.0.1"], ["127.0.0.2"]];
  using guard = new EgressGuard({
    lookup: () => Promise.resolve(answers.shift() ?? []),
    // As if it were public.
    allowAddresses: [outside.address],
  });
  const url = `http://rebound.test:${outside.port}/`;
  assert.equal(await tryFetch(guard, url), "outside");
  assert.equal(answers.length, 1, "the name was looked up once");
  assert.match(await tryFetch(guard, url), /\(127\.0\.0\.2\): it is not a public internet address/);
  assert.deepEqual(inside.requests, []);
});

Deno.test("an allowed address is allowed only on its port", async () => {
  await using site = webSite(() => html("inside"));
  await using other = webSite(() => html("inside"));
  using guard = new EgressGuard({ allowAddresses: [site.address] });
  assert.equal(await tryFetch(guard, site.url), "inside");
  assert.match(await tryFetch(guard, other.url), /not a public internet address/);
});

Deno.test("if an address does not answer, the next one is tried", async () => {
  await using site = webSite(() => html("inside"));
  using guard = new EgressGuard({
    lookup: () => Promise.resolve(["127.0.0.9", "127.0.0.1"]),
    allowAddresses: [site.address, `127.0.0.9:${site.port}`],
  });
  assert.equal(await tryFetch(guard, `http://two.test:${site.port}/`), "inside");
});

Deno.test("if nobody listens, the error names host and port", async () => {
  const port = closedPort();
  using guard = new EgressGuard({ allowAddresses: [`127.0.0.1:${port}`] });
  const text = await tryFetch(guard, `http://127.0.0.1:${port}/`);
  assert.equal(text, `Cannot connect to "127.0.0.1:${port}"`);
});

Deno.test("a port that is not allowed is refused", async () => {
  await using site = webSite(() => html("inside"));
  using guard = new EgressGuard({ allowAddresses: [site.address], ports: [80, 443] });
  assert.match(await tryFetch(guard, site.url), /the allowed ports are 80, 443/);
});

Deno.test("NO_PROXY does not bypass the guard", async () => {
  await using site = webSite(() => html("inside"));
  using guard = new EgressGuard();
  const before = Deno.env.get("NO_PROXY");
  Deno.env.set("NO_PROXY", "127.0.0.1,.test");
  try {
    assert.match(await tryFetch(guard, site.url), /not a public internet address/);
    assert.equal(Deno.env.get("NO_PROXY"), "127.0.0.1,.test");
  } finally {
    if (before === undefined) Deno.env.delete("NO_PROXY");
    else Deno.env.set("NO_PROXY", before);
  }
  assert.deepEqual(site.requests, []);
});

Deno.test("a client without a pass is refused", async () => {
  await using site = webSite(() => html("inside"));
  const made: Deno.CreateHttpClientOptions[] = [];
  const create = Deno.createHttpClient;
  using guard = new EgressGuard({ allowAddresses: [site.address] });
  // The guard's port is visible only here.
  Deno.createHttpClient = (options) => {
    made.push(options);
    return create(options);
  };
  try {
    guard.open()[Symbol.dispose]();
  } finally {
    Deno.createHttpClient = create;
  }
  const proxy = made[0]?.proxy;
  assert.ok(proxy && "url" in proxy);
  const strangers = [proxy.url, proxy.url.replace(/:\/\/[^:]*:/, "://somebody:")];
  for (const url of [...strangers, proxy.url.replace(/\/\/.*@/, "//")]) {
    using client = Deno.createHttpClient({ proxy: { url } });
    await assert.rejects(fetch(site.url, { client }), url);
  }
  assert.deepEqual(site.requests, []);
});

Deno.test("a forbidden URL is refused before any connection", () => {
  using guard = new EgressGuard();
  const check = (url: string) => () => guard.checkUrl(new URL(url));
  assert.throws(check("file:///etc/passwd"), /only http and https/);
  assert.throws(check("ftp://example.com/"), /only http and https/);
  assert.throws(check("data:text/html,x"), /only http and https/);
  assert.throws(check("http://ada:secret@example.com/"), (error) => {
    assert.ok(error instanceof EgressError);
    assert.match(error.message, /user name or password/);
    assert.doesNotMatch(error.message, /secret/);
    return true;
  });
  for (const host of ["0x7f.1", "2130706433", "0177.0.0.1", "169.254.169.254", "[fd00::1]"]) {
    assert.throws(check(`https://${host}/`), /not a public internet address/, host);
  }
  guard.checkUrl(new URL("https://example.com:8443/a?b#c"));
});

Deno.test("disposing of a guard ends its connections and prevents new ones", async () => {
  const began = Promise.withResolvers<void>();
  await using site = webSite((_, closing) => {
    began.resolve();
    return closing;
  });
  const guard = new EgressGuard({ allowAddresses: [site.address] });
  using pass = guard.open();
  const fetching = assert.rejects(fetch(site.url, { client: pass.client }));
  await began.promise;
  guard[Symbol.dispose]();
  await fetching;
  assert.throws(() => guard.open(), /the gateway is stopping/);
});

/** A port that nobody listens on. */
function closedPort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  return listener.addr.port;
}
