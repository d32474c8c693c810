import assert from "node:assert/strict";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { join } from "node:path";
import { copyDatabase } from "../../../../src/store/sqlite/files/copy_database.ts";
import { TempFolder } from "../../../support/process/temp_folder.ts";

/** All kinds of tables. Rows with equal parts of a compound key span several batches. */
const schema = `
  CREATE TABLE numbered (a TEXT, b BLOB);
  CREATE TABLE keyed (day TEXT, rest INTEGER, user TEXT, count INTEGER, PRIMARY KEY (user, day, rest))
    STRICT, WITHOUT ROWID;
  CREATE TABLE single (key TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE empty (key TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
`;
const rows =
  `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT 3500)`;
const fill = `
  INSERT INTO numbered (rowid, a, b) ${rows} SELECT n * 7 - 9000, n || char(0), randomblob(20) FROM numbers;
  INSERT INTO keyed ${rows}
    SELECT 'day ' || (n % 3), 9007199254740993 + n, 'user ' || (n % 2), -n FROM numbers;
  INSERT INTO single ${rows} SELECT n FROM numbers LIMIT 1000;
`;

/** Tracks the maximum number of rows that a statement of the database has returned. */
function countRows(database: DatabaseSync): () => number {
  let most = 0;
  const prepare = database.prepare.bind(database);
  database.prepare = (sql) => {
    const statement = prepare(sql);
    const all: (...values: SQLInputValue[]) => ReturnType<typeof statement.all> = statement.all
      .bind(statement);
    return Object.assign(statement, {
      all: (...values: SQLInputValue[]) => {
        const found = all(...values);
        most = Math.max(most, found.length);
        return found;
      },
    });
  };
  return () => most;
}

Deno.test("all kinds of tables are copied completely, a batch of rows at a time", async () => {
  await using folder = new TempFolder();
  const source = new DatabaseSync(join(folder.path, "source.db"));
  const target = new DatabaseSync(join(folder.path, "target.db"));
  try {
    source.exec(schema + fill);
    const most = countRows(source);
    copyDatabase(source, target);
    assert.ok(most() <= 1_000, `${most()} rows at once`);
    for (const table of ["numbered", "keyed", "single", "empty"]) {
      const all = (database: DatabaseSync) => {
        const select = database.prepare(`SELECT * FROM ${table}`);
        select.setReadBigInts(true);
        return select.all().map((row) => ({ ...row }));
      };
      assert.deepEqual(all(target), all(source), table);
    }
    assert.equal(target.prepare("SELECT count(*) AS n FROM keyed").get()!.n, 3500);
  } finally {
    source.close();
    target.close();
  }
});
