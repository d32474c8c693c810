/**
 * Copies a database row by row in one read transaction, so that the copy is consistent while others write.
 * SQLite's own methods are unavailable: Deno allows ATTACH, and thus `VACUUM INTO`, only with all
 * permissions, and Deno 2.4 has no `backup()`.
 */

import type { DatabaseSync } from "node:sqlite";

type Value = null | number | bigint | string | Uint8Array;

interface SchemaObject {
  readonly type: "table" | "index" | "trigger" | "view";
  readonly name: string;
  readonly sql: string;
  /** Kind of a table or view. A virtual table stores its data in `shadow` tables. */
  readonly kind: "table" | "virtual" | "shadow" | "view" | null;
  /** 1 for a `WITHOUT ROWID` table. */
  readonly keyed: number | null;
}

/** Rows to read at once. */
const batchRows = 1_000;

/** Copies everything into an empty database. @throws {Error} from SQLite. */
export function copyDatabase(source: DatabaseSync, target: DatabaseSync): void {
  target.exec("PRAGMA foreign_keys = OFF; BEGIN");
  // The snapshot starts with the first read.
  source.exec("BEGIN");
  const objects = source.prepare(
    `SELECT schema.type, schema.name, schema.sql, list.type AS kind, list.wr AS keyed
     FROM sqlite_schema AS schema
     LEFT JOIN pragma_table_list AS list ON list.schema = 'main' AND list.name = schema.name
     WHERE schema.sql IS NOT NULL AND schema.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
     ORDER BY schema.rowid`,
  ).all() as unknown as readonly SchemaObject[];
  const tables = objects.filter(({ type, kind }) => type === "table" && kind !== "shadow");
  for (const { sql } of tables) target.exec(sql);
  for (const { name, sql, kind, keyed } of tables) {
    if (kind === "virtual") rebuildIndex(target, { name, sql });
    else copyRows({ name, keyed: keyed === 1 }, { source, target });
  }
  const hasSequences = source.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'")
    .get();
  if (hasSequences) {
    target.exec("DELETE FROM sqlite_sequence");
    copyRows({ name: "sqlite_sequence", keyed: false }, { source, target });
  }
  // Last, because inserting rows would fire the triggers.
  for (const { type, sql } of objects) if (type !== "table") target.exec(sql);
  for (const pragma of ["user_version", "application_id"]) {
    const [value] = Object.values(source.prepare(`PRAGMA ${pragma}`).get()!);
    target.exec(`PRAGMA ${pragma} = ${value}`);
  }
  source.exec("COMMIT");
  target.exec("COMMIT");
}

function copyRows(
  { name, keyed }: { readonly name: string; readonly keyed: boolean },
  { source, target }: { readonly source: DatabaseSync; readonly target: DatabaseSync },
): void {
  const columns = source.prepare(`PRAGMA table_info(${quoted(name)})`).all();
  const names = columns.map((column) => quoted(String(column.name)));
  // The unique key in storage order.
  const key = keyed
    ? columns.filter(({ pk }) => Number(pk) > 0).sort((a, b) => Number(a.pk) - Number(b.pk))
      .map((column) => quoted(String(column.name)))
    : ["rowid"];
  // In batches, because Deno 2.4 crashes on `iterate`.
  const select = (after: string) => {
    const named = [...key, ...names].map((column, index) => `${column} AS "${index}"`);
    const statement = source.prepare(
      `SELECT ${named.join(", ")} FROM ${quoted(name)} ${after}
       ORDER BY ${key.join(", ")} LIMIT ${batchRows}`,
    );
    statement.setReadBigInts(true);
    return (...last: readonly Value[]) =>
      statement.all(...last).map((row) => Object.values(row as Readonly<Record<string, Value>>));
  };
  const next = select(`WHERE (${key.join(", ")}) > (${marks(key)})`);
  const insert = target.prepare(
    `INSERT INTO ${quoted(name)} (${names.join(", ")}) VALUES (${marks(names)})`,
  );
  for (
    let rows = select("")();
    rows.length > 0;
    rows = next(...rows.at(-1)!.slice(0, key.length))
  ) {
    for (const row of rows) insert.run(...row.slice(key.length));
  }
}

/** Rebuilds a full-text index from the table it indexes. */
function rebuildIndex(
  target: DatabaseSync,
  { name, sql }: { readonly name: string; readonly sql: string },
): void {
  if (!/\bfts5\b[\s\S]*\bcontent\s*=/i.test(sql)) {
    throw new Error(`virtual table "${name}" is not a full-text index of another table`);
  }
  target.exec(`INSERT INTO ${quoted(name)} (${quoted(name)}) VALUES ('rebuild')`);
}

function marks(columns: readonly string[]): string {
  return columns.map(() => "?").join(", ");
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
