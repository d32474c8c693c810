import { SqliteStore } from "./src/store/sqlite_store.ts";
await using s = SqliteStore.open("/tmp/exp/data");
console.log(await s.figures());
