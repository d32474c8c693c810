/**
 * Takes a database forward to this program's tables. It carries the number of the migrations that it has
 * seen in `user_version`; one from a newer program is refused and left as it is.
 */

import type { DatabaseSync } from "node:sqlite";
import { StoreError } from "../../../domain/errors.ts";
import { migrations } from "./schema.ts";

/** @throws {StoreError} when a database comes from a newer program. It is only read. */
export function assertKnownVersion(database: DatabaseSync, path: string): void {
  const found = versionOf(database);
  if (found <= migrations.length) return;
  throw new StoreError(
    `Cannot open store "${path}": its version is ${found}, this program knows up to ` +
      `${migrations.length}. Use the newer program that wrote it, or another data folder.`,
  );
}

/** Brings a database to this program's version, or to an older one, for tests. */
export function migrate(database: DatabaseSync, { to = migrations.length } = {}): void {
  for (let version = versionOf(database); version < to; version++) {
    const migration = migrations[version]!;
    database.exec("BEGIN IMMEDIATE");
    try {
      if (typeof migration === "string") database.exec(migration);
      else migration(database);
      database.exec(`PRAGMA user_version = ${version + 1}; COMMIT`);
    } catch (error) {
      // A full disk may have ended the transaction already; then there is nothing to roll back.
      try {
        database.exec("ROLLBACK");
      } catch { /* as said */ }
      throw error;
    }
  }
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare("PRAGMA user_version").get()!.user_version);
}
