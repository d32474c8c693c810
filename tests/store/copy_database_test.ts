import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { copyDatabase } from "../../src/store/copy_database.ts";

Deno.test("tables of more rows than are read at once are copied whole, whatever their key", () => {
  const [source, target] = [new DatabaseSync(":memory:"), new DatabaseSync(":memory:")];
  source.exec(`
    CREATE TABLE numbered (text TEXT);
    CREATE TABLE keyed (text TEXT, second INTEGER, first TEXT, PRIMARY KEY (first, second))
      WITHOUT ROWID;
    CREATE TABLE empty (key TEXT PRIMARY KEY) WITHOUT ROWID;
  `);
  const numbered = source.prepare("INSERT INTO numbered (rowid, text) VALUES (?, ?)");
  const keyed = source.prepare("INSERT INTO keyed (first, second, text) VALUES (?, ?, ?)");
  source.exec("BEGIN");
  for (let row = 0; row < 3_000; row++) {
    numbered.run(BigInt(row - 1_000) * 2n ** 52n, `text ${row}`);
    // More rows of one first part than are read at once.
    keyed.run(`key ${row % 2}`, -row, `text ${row}`);
  }
  source.exec("COMMIT");
  copyDatabase(source, target);
  for (const table of ["numbered", "keyed", "empty"]) {
    const rows = (database: DatabaseSync) =>
      database.prepare(`SELECT * FROM ${table}`).all().map((row) => ({ ...row }));
    assert.deepEqual(rows(target), rows(source), table);
  }
  assert.equal(target.prepare("SELECT count(*) AS n FROM keyed").get()!.n, 3_000);
  source.close();
  target.close();
});
