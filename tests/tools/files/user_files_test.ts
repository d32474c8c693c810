import assert from "node:assert/strict";
import { join } from "node:path";
import { folderNameOf } from "../../../src/tools/files/file_name.ts";
import { UserFiles, type UserFilesOptions } from "../../../src/tools/files/user_files.ts";
import { TempFolder } from "../../support/process/temp_folder.ts";

const user = "test:user-1";

interface Place {
  readonly files: UserFiles;
  readonly root: string;
  /** The folder of `user`. */
  readonly folder: string;
}

function testFiles(
  sentence: string,
  test: (place: Place) => Promise<void>,
  options: Omit<UserFilesOptions, "root"> = {},
): void {
  Deno.test(sentence, async () => {
    await using temp = new TempFolder("clara_files_");
    const root = join(temp.path, "files");
    const files = new UserFiles({ root, ...options });
    await test({ files, root, folder: join(root, folderNameOf(user)) });
  });
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function text(files: UserFiles, name: string): Promise<string> {
  return new TextDecoder().decode(await files.read(user, name));
}

testFiles("a file is saved, listed, read, replaced and removed", async ({ files }) => {
  assert.deepEqual(await files.list(user), []);
  await files.save(user, "b.txt", bytes("first"));
  await files.save(user, "a ü 😀.txt", bytes("ä"));
  await files.save(user, "b.txt", bytes("second"));
  const listed = await files.list(user);
  assert.deepEqual(listed.map(({ name, size }) => [name, size]), [["a ü 😀.txt", 2], ["b.txt", 6]]);
  assert.equal(await text(files, "b.txt"), "second");
  await files.remove(user, "b.txt");
  assert.deepEqual((await files.list(user)).map(({ name }) => name), ["a ü 😀.txt"]);
  await assert.rejects(files.read(user, "b.txt"), /Cannot find file "b\.txt"/);
  await assert.rejects(files.remove(user, "b.txt"), /Cannot find file "b\.txt"/);
});

testFiles("users have folders of their own, also where their names look alike", async (place) => {
  const users = ["test:a/b", "test:a_b", "test:a:b", "test:A/b", "..", "../..", "test:\0"];
  for (const each of users) await place.files.save(each, "mine.txt", bytes(each));
  for (const each of users) {
    assert.equal(new TextDecoder().decode(await place.files.read(each, "mine.txt")), each);
  }
  const folders = await Array.fromAsync(Deno.readDir(place.root), ({ name }) => name);
  assert.equal(folders.length, users.length);
  for (const name of folders) assert.match(name, /^[A-Za-z0-9_]*-[0-9a-f]{24}$/);
});

testFiles("a name that could leave the folder is refused", async ({ files, root }) => {
  const names = [
    ...["", ".", "..", "../up.txt", "a/b.txt", "/etc/passwd", "a\\b.txt", ".hidden", "..\\x"],
    ...["nul\0.txt", "line\nbreak", "\x7f", "\u0085", "x".repeat(256), "ü".repeat(128), "\ud800"],
  ];
  for (const name of names) {
    await assert.rejects(files.save(user, name, bytes("x")), /Cannot use file name/, name);
    await assert.rejects(files.read(user, name), /Cannot use file name/, name);
    await assert.rejects(files.remove(user, name), /Cannot use file name/, name);
  }
  await assert.rejects(Deno.stat(root), Deno.errors.NotFound);
  await files.save(user, "ü".repeat(127) + "x", bytes("the longest"));
});

testFiles("a link in the folder is neither listed nor read nor written to", async (place) => {
  const { files, folder, root } = place;
  await files.save(user, "own.txt", bytes("own"));
  const outside = join(root, "outside.txt");
  await Deno.writeTextFile(outside, "secret");
  await Deno.symlink(outside, join(folder, "link.txt"));
  await Deno.symlink(join(root, "new.txt"), join(folder, "dangling.txt"));
  await Deno.mkdir(join(folder, "folder"));
  assert.deepEqual((await files.list(user)).map(({ name }) => name), ["own.txt"]);
  for (const name of ["link.txt", "dangling.txt", "folder"]) {
    await assert.rejects(files.read(user, name), /Cannot find/);
    await assert.rejects(files.remove(user, name), /Cannot find/);
    await assert.rejects(files.save(user, name, bytes("x")), /something of this name/);
  }
  assert.equal(await Deno.readTextFile(outside), "secret");
  await assert.rejects(Deno.stat(join(root, "new.txt")), Deno.errors.NotFound);
});

testFiles(
  "a link in place of the user's folder is not followed",
  async ({ files, root, folder }) => {
    const outside = join(root, "outside");
    await Deno.mkdir(outside, { recursive: true });
    await Deno.writeTextFile(join(outside, "a.txt"), "secret");
    await Deno.symlink(outside, folder);
    assert.deepEqual(await files.list(user), []);
    await assert.rejects(files.read(user, "a.txt"), /Cannot find/);
    await assert.rejects(files.save(user, "b.txt", bytes("x")), /its folder is no folder/);
    await assert.rejects(Deno.stat(join(outside, "b.txt")), Deno.errors.NotFound);
  },
);

testFiles("past the quota a file is refused, and what was there stays", async ({ files }) => {
  await files.save(user, "a.txt", bytes("x".repeat(600)));
  await assert.rejects(
    files.save(user, "b.txt", bytes("x".repeat(500))),
    /it has 500 bytes, the user's other files have 600 bytes, and 1000 bytes are allowed/,
  );
  await assert.rejects(files.save(user, "a.txt", bytes("x".repeat(1001))), /are allowed/);
  await files.save(user, "a.txt", bytes("x".repeat(1000)));
  await files.save("test:user-2", "a.txt", bytes("x".repeat(1000)));
  assert.deepEqual((await files.list(user)).map(({ size }) => size), [1000]);
}, { quotaBytes: 1000 });

testFiles("files saved at once count together", async ({ files }) => {
  const saves = Array.from(
    { length: 20 },
    (_, number) => files.save(user, `${number}.txt`, bytes("x".repeat(300))),
  );
  const results = await Promise.allSettled(saves);
  assert.equal(results.filter(({ status }) => status === "fulfilled").length, 3);
  assert.equal((await files.list(user)).length, 3);
}, { quotaBytes: 1000 });

testFiles("no more files than allowed are kept", async ({ files }) => {
  await files.save(user, "1", bytes(""));
  await files.save(user, "2", bytes(""));
  await assert.rejects(files.save(user, "3", bytes("")), /there are 2 already, and 2 are allowed/);
  await files.save(user, "2", bytes("again"));
}, { maxFiles: 2 });

testFiles("what a killed process left half written is cleared away", async ({ files, folder }) => {
  await files.save(user, "a.txt", bytes("a"));
  const left = join(folder, ".writing-left");
  await Deno.writeTextFile(left, "x".repeat(900));
  assert.equal((await files.list(user)).length, 1);
  await files.save(user, "b.txt", bytes("b"));
  await assert.rejects(Deno.stat(left), Deno.errors.NotFound);
}, { quotaBytes: 1000 });

testFiles("all files of a user are removed, and nobody else's", async ({ files }) => {
  await files.save(user, "a.txt", bytes("a"));
  await files.save(user, "b.txt", bytes("b"));
  await files.save("test:user-2", "c.txt", bytes("c"));
  assert.equal(await files.removeAll(user), 2);
  assert.deepEqual(await files.list(user), []);
  assert.equal((await files.list("test:user-2")).length, 1);
  assert.equal(await files.removeAll(user), 0);
  await files.save(user, "d.txt", bytes("d"));
  assert.equal((await files.list(user)).length, 1);
});
