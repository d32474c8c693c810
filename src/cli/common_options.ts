/** Options that many commands take. Used by the table of commands. */

import type { Option, SettingName } from "./command.ts";

/** What says which gateway is meant. */
export const place: readonly SettingName[] = ["host", "port", "dataDir", "pidFile"];

/** A gateway at another address. */
export const url: Option = {
  flag: "url",
  value: "URL",
  help: "Address of the gateway's WebSocket",
};
/** For programs. */
export const json: Option = { flag: "json", help: "Print JSON" };
