/** The list of all built-in tools. */

import type { HistoryStore } from "../../store/history_store.ts";
import type { MemoryStore } from "../../store/memory_store.ts";
import { JavaScriptSandbox } from "../sandbox/sandbox.ts";
import type { Tool } from "../tool.ts";
import type { UserFiles } from "../user_files.ts";
import type { EgressGuard } from "../web/egress_guard.ts";
import { createFile, deleteFile, listFiles, readFile, saveFile, sendFile } from "./files.ts";
import { getHistory, searchHistory } from "./history.ts";
import { runJavascript } from "./javascript.ts";
import { recall, remember } from "./memory.ts";
import {
  cancelReminder,
  listReminders,
  type ReminderService,
  scheduleReminder,
} from "./reminders.ts";
import { currentTime } from "./time.ts";
import { fetchUrl } from "./web.ts";

/** Options of {@linkcode builtinTools}. */
export interface BuiltinToolsOptions {
  readonly history: HistoryStore;
  readonly memories: MemoryStore;
  readonly reminders: ReminderService;
  readonly files: UserFiles;
  readonly guard: EgressGuard;
}

/** Creates the tools, in the order in which they are offered to a model. */
export function builtinTools(options: BuiltinToolsOptions): readonly Tool[] {
  const { history, memories, reminders, files, guard } = options;
  return [
    currentTime(),
    searchHistory(history),
    getHistory(history),
    remember(memories),
    recall(memories),
    scheduleReminder(reminders),
    listReminders(reminders),
    cancelReminder(reminders),
    createFile(),
    listFiles(files),
    readFile(files),
    saveFile(files),
    deleteFile(files),
    sendFile(files),
    fetchUrl({ guard }),
    runJavascript(new JavaScriptSandbox()),
  ];
}
