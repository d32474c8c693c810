import assert from "node:assert/strict";
import { join } from "node:path";
import { folderNameOf, UserFiles, type UserFilesOptions } from "../../src/tools/user_files.ts";
import { TempFolder } from "../support/process/temp_folder.ts";

const user = "test:user-1";

interface Fixture {
  readonly files: UserFiles;
  readonly root: string;
  /** The folder of `user`. */
  readonly folder: string;
}

function testFiles(
  sentence: string,
  test: (fixture: Fixture) => Promise<void>,
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

testFiles(
  "each user has a separate folder, even if the names look alike",
  async ({ files, root }) => {
    const users = ["test:a/b", "test:a_b", "test:a:b", "test:A/b", "..", "../..", "test:\0"];
    for (const each of users) await files.save(each, "mine.txt", bytes(each));
    for (const each of users) {
      assert.equal(new TextDecoder().decode(await files.read(each, "mine.txt")), each);
    }
    const folders = await Array.fromAsync(Deno.readDir(root), ({ name }) => name);
    assert.equal(folders.length, users.length);
    for (const name of folders) assert.match(name, /^[A-Za-z0-9_]*-[0-9a-f]{24}$/);
  },
);

testFiles("a name that leads out of the folder is refused", async ({ files, root }) => {
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

testFiles(
  "links in the folder are not listed, read or written to",
  async ({ files, folder, root }) => {
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
      await assert.rejects(files.save(user, name, bytes("x")), /something of this name exists/);
    }
    assert.equal(await Deno.readTextFile(outside), "secret");
    await assert.rejects(Deno.stat(join(root, "new.txt")), Deno.errors.NotFound);
  },
);

testFiles(
  "a link in place of the user's folder is not followed",
  async ({ files, root, folder }) => {
    const outside = join(root, "outside");
    await Deno.mkdir(outside, { recursive: true });
    await Deno.writeTextFile(join(outside, "a.txt"), "secret");
    await Deno.symlink(outside, folder);
    assert.deepEqual(await files.list(user), []);
    await assert.rejects(files.read(user, "a.txt"), /Cannot find/);
    await assert.rejects(files.save(user, "b.txt", bytes("x")), /its folder is not a folder/);
    await assert.rejects(Deno.stat(join(outside, "b.txt")), Deno.errors.NotFound);
  },
);

testFiles("a file over the quota is refused and existing files stay", async ({ files }) => {
  await files.save(user, "a.txt", bytes("x".repeat(600)));
  await assert.rejects(
    files.save(user, "b.txt", bytes("x".repeat(500))),
    /it has 500 bytes and the user's other files have 600 bytes; the limit is 1000 bytes/,
  );
  await assert.rejects(files.save(user, "a.txt", bytes("x".repeat(1001))), /the limit is/);
  await files.save(user, "a.txt", bytes("x".repeat(1000)));
  await files.save("test:user-2", "a.txt", bytes("x".repeat(1000)));
  assert.deepEqual((await files.list(user)).map(({ size }) => size), [1000]);
}, { quotaBytes: 1000 });

testFiles("concurrent saves cannot exceed the quota together", async ({ files }) => {
  const saves = Array.from(
    { length: 20 },
    (_, number) => files.save(user, `${number}.txt`, bytes("x".repeat(300))),
  );
  const results = await Promise.allSettled(saves);
  assert.equal(results.filter(({ status }) => status === "fulfilled").length, 3);
  assert.equal((await files.list(user)).length, 3);
}, { quotaBytes: 1000 });

testFiles("the number of files is limited", async ({ files }) => {
  await files.save(user, "1", bytes(""));
  await files.save(user, "2", bytes(""));
  await assert.rejects(files.save(user, "3", bytes("")), /the user has 2 files; the limit is 2/);
  await files.save(user, "2", bytes("again"));
}, { maxFiles: 2 });

testFiles("unfinished files of a killed process are removed", async ({ files, folder }) => {
  await files.save(user, "a.txt", bytes("a"));
  const left = join(folder, ".writing-left");
  await Deno.writeTextFile(left, "x".repeat(900));
  assert.equal((await files.list(user)).length, 1);
  await files.save(user, "b.txt", bytes("b"));
  await assert.rejects(Deno.stat(left), Deno.errors.NotFound);
}, { quotaBytes: 1000 });

testFiles("removing all files of a user keeps those of others", async ({ files }) => {
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
