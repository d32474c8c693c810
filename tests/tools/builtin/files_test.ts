import assert from "node:assert/strict";
import {
  createFile,
  deleteFile,
  listFiles,
  readFile,
  saveFile,
  sendFile,
} from "../../../src/tools/builtin/files.ts";
import { UserFiles } from "../../../src/tools/user_files.ts";
import { TempFolder } from "../../support/process/temp_folder.ts";
import { callTool, filesOf } from "../call_tool.ts";

function testFileTools(sentence: string, test: (files: UserFiles) => Promise<void>): void {
  Deno.test(sentence, async () => {
    await using temp = new TempFolder("clara_files_");
    await test(new UserFiles({ root: temp.path }));
  });
}

testFileTools("only its user can list, read and delete a saved file", async (files) => {
  const file = { filename: "notes.md" };
  const saved = await callTool(saveFile(files), { ...file, content: "# Tea" });
  assert.equal(saved, '"notes.md" (5 bytes) was saved.');
  assert.match(
    String(await callTool(listFiles(files), {})),
    /^notes\.md \(5 bytes, \d{4}-.*Z\)\n1 file, 5 bytes$/,
  );
  assert.equal(await callTool(readFile(files), file), "# Tea");
  const other = { userId: "user-2" };
  assert.equal(await callTool(listFiles(files), {}, other), "This user has no saved files.");
  await assert.rejects(callTool(readFile(files), file, other), /Cannot find/);
  await assert.rejects(callTool(deleteFile(files), file, other), /Cannot find/);
  assert.equal(await callTool(deleteFile(files), file), '"notes.md" was deleted.');
  assert.equal(await callTool(listFiles(files), {}), "This user has no saved files.");
});

testFileTools("a long file is read in parts that tell how much is left", async (files) => {
  await callTool(saveFile(files), { filename: "a.txt", content: "0123456789" });
  const read = (json: Readonly<Record<string, unknown>>) =>
    callTool(readFile(files), { filename: "a.txt", ...json });
  assert.equal(
    await read({ limit: 4 }),
    "0123\n[6 of 10 characters are left; continue with offset 4.]",
  );
  assert.equal(await read({ offset: 4, limit: 6 }), "456789");
  await assert.rejects(read({ offset: 10 }), /"a\.txt" has only 10 characters/);
});

testFileTools("a binary file cannot be read but can be sent", async (files) => {
  const bytes = new Uint8Array([0xff, 0, 0x80]);
  await files.save("test:user-1", "a.png", bytes);
  await assert.rejects(callTool(readFile(files), { filename: "a.png" }), /3 bytes are not text/);
  assert.deepEqual(await filesOf(sendFile(files), { filename: "a.png" }), [
    { filename: "a.png", base64: "/wCA", mediaType: "image/png" },
  ]);
});

testFileTools("a file that is too large is not sent", async (files) => {
  await files.save("test:user-1", "a.bin", new Uint8Array(1025));
  const sending = filesOf(sendFile(files, { maxBytes: 1024 }), { filename: "a.bin" });
  await assert.rejects(sending, /it has 1 KiB; the limit is 1 KiB/);
});

testFileTools("every tool refuses a name with a folder", async (files) => {
  const json = { filename: "../a.txt", content: "x" };
  for (const make of [saveFile, readFile, deleteFile, sendFile]) {
    await assert.rejects(callTool(make(files), json), /without a folder/);
  }
});

Deno.test("a created file is attached with the media type of its extension", async () => {
  assert.deepEqual(await filesOf(createFile(), { filename: "a.csv", content: "ä" }), [
    { filename: "a.csv", base64: "w6Q=", mediaType: "text/csv" },
  ]);
  for (const filename of ["a/b", "..", "a\nb"]) {
    await assert.rejects(filesOf(createFile(), { filename, content: "" }), /without a folder/);
  }
});
