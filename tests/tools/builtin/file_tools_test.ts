import assert from "node:assert/strict";
import { deleteFile } from "../../../src/tools/builtin/delete_file.ts";
import { listFiles } from "../../../src/tools/builtin/list_files.ts";
import { readFile } from "../../../src/tools/builtin/read_file.ts";
import { saveFile } from "../../../src/tools/builtin/save_file.ts";
import { sendFile } from "../../../src/tools/builtin/send_file.ts";
import { byteSize } from "../../../src/lib/bytes.ts";
import { UserFiles } from "../../../src/tools/files/user_files.ts";
import { TempFolder } from "../../support/process/temp_folder.ts";
import { callTool, filesOf } from "../call_tool.ts";

function testFileTools(sentence: string, test: (files: UserFiles) => Promise<void>): void {
  Deno.test(sentence, async () => {
    await using temp = new TempFolder("clara_files_");
    await test(new UserFiles({ root: temp.path }));
  });
}

testFileTools("a file is saved, listed, read and deleted for its user alone", async (files) => {
  const file = { filename: "notes.md" };
  const saved = await callTool(saveFile(files), { ...file, content: "# Tea" });
  assert.equal(saved, '"notes.md" (5 bytes) is saved.');
  assert.match(
    String(await callTool(listFiles(files), {})),
    /^notes\.md \(5 bytes, \d{4}-.*Z\)\n1 file, 5 bytes$/,
  );
  assert.equal(await callTool(readFile(files), file), "# Tea");
  const other = { userId: "user-2" };
  assert.equal(await callTool(listFiles(files), {}, other), "No files are kept for this user.");
  await assert.rejects(callTool(readFile(files), file, other), /Cannot find/);
  await assert.rejects(callTool(deleteFile(files), file, other), /Cannot find/);
  assert.equal(await callTool(deleteFile(files), file), '"notes.md" is deleted.');
  assert.equal(await callTool(listFiles(files), {}), "No files are kept for this user.");
});

testFileTools("a long file is read in parts that say how much is left", async (files) => {
  await callTool(saveFile(files), { filename: "a.txt", content: "0123456789" });
  const read = (json: Readonly<Record<string, unknown>>) =>
    callTool(readFile(files), { filename: "a.txt", ...json });
  assert.equal(
    await read({ limit: 4 }),
    "0123\n[6 of 10 characters are left; offset 4 reads on.]",
  );
  assert.equal(await read({ offset: 4, limit: 6 }), "456789");
  await assert.rejects(read({ offset: 10 }), /"a\.txt" has only 10 characters/);
});

testFileTools("a file that is no text is not read but sent", async (files) => {
  const bytes = new Uint8Array([0xff, 0, 0x80]);
  await files.save("test:user-1", "a.png", bytes);
  await assert.rejects(callTool(readFile(files), { filename: "a.png" }), /3 bytes are no text/);
  assert.deepEqual(await filesOf(sendFile(files), { filename: "a.png" }), [
    { filename: "a.png", base64: "/wCA", mediaType: "image/png" },
  ]);
});

testFileTools("a file that is too large to be sent is refused", async (files) => {
  await files.save("test:user-1", "a.bin", new Uint8Array(1025));
  const sending = filesOf(sendFile(files, { maxBytes: 1024 }), { filename: "a.bin" });
  await assert.rejects(sending, /it has 1 KiB, and 1 KiB are allowed|it has 1\.0/);
});

testFileTools("a name with a folder is refused by every tool", async (files) => {
  const json = { filename: "../a.txt", content: "x" };
  for (const make of [saveFile, readFile, deleteFile, sendFile]) {
    await assert.rejects(callTool(make(files), json), /without a folder/);
  }
});

Deno.test("sizes are shown in the unit that suits them", () => {
  const sizes = [0, 1, 1023, 1024, 1536, 1024 ** 2, 1024 ** 5].map(byteSize);
  assert.deepEqual(sizes, [
    ...["0 bytes", "1 byte", "1023 bytes", "1 KiB", "1.5 KiB", "1 MiB", "1024 TiB"],
  ]);
});
