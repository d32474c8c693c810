import assert from "node:assert/strict";
import { htmlText } from "../../../src/tools/web/html_text.ts";

async function textOf(html: string): Promise<string> {
  return (await htmlText(html, { url: "https://example.com/a/b" })).text;
}

Deno.test("headings, lists, tables and code keep their lines", async () => {
  const text = await textOf(
    "<h1>Tea</h1><ul><li>green<li>black</ul><table><tr><th>A<th>B<tr><td>1<td>2</table>" +
      "<pre>a\n  b</pre>",
  );
  assert.equal(text, "Tea\n\n * green\n * black\n\nA B\n1 2\n\na\n  b");
});

Deno.test("links to pages are kept and made absolute, others removed", async () => {
  const text = await textOf(
    "<p><a href='../c?x=1'>one</a> <a href='https://e.test/'>https://e.test/</a> " +
      "<a href='#top'>up</a> <a href='javascript:alert(1)'>run</a></p>",
  );
  assert.equal(text, "one [https://example.com/c?x=1] https://e.test/ up run");
});

Deno.test("scripts, styles, menus and fields are removed, the text of forms is kept", async () => {
  const text = await textOf(
    "<head><style>b{}</style><script>if (a<b) alert('<p>x</p>')</script></head><body>" +
      "<nav><a href=/>Home</a></nav><!-- <p>hidden</p> --><form>Ask <input value=v><button>Go" +
      "</button></form><noscript>no</noscript><svg><title>logo</title></svg></body>",
  );
  assert.equal(text, "Ask");
});

Deno.test("the title is decoded, and only the page's own title counts", async () => {
  const titleOf = async (html: string) => (await htmlText(html, { url: "https://e.test" })).title;
  assert.equal(await titleOf("<title lang=en>\n A &amp; B\n</title>"), "A & B");
  assert.equal(await titleOf("<svg><title>logo</title></svg><p>x"), undefined);
  assert.equal(await titleOf("<title></title>"), undefined);
});

Deno.test("a long page is converted completely", async () => {
  const rows = Array.from({ length: 20_000 }, (_, row) => `<p>row ${row}</p>`).join("");
  const text = await textOf(`<div>${rows}</div>`);
  assert.equal(text.match(/row \d+/g)?.length, 20_000);
});

Deno.test("a hostile page takes no longer than others", async () => {
  const pages = {
    "deep elements": "<b><i>".repeat(150_000),
    "many titles": "<title>".repeat(150_000),
    "titles that never end": "<title ".repeat(150_000),
    "scripts that never end": "<script>".repeat(150_000),
    "comments that never end": "<!--".repeat(150_000),
    "spaces": `<pre>${" ".repeat(1_000_000)}x`,
  };
  for (const [name, page] of Object.entries(pages)) {
    const startedAt = performance.now();
    await textOf(page);
    // With quadratic time it would take half a minute or more.
    assert.ok(performance.now() - startedAt < 8_000, name);
  }
});
