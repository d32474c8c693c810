/** All built-in tools. The gateway puts them into the registry. */

import type { HistoryStore } from "../../store/history_store.ts";
import type { MemoryStore } from "../../store/memory_store.ts";
import { cancelReminder } from "./cancel_reminder.ts";
import { createFile } from "./create_file.ts";
import { currentTime } from "./current_time.ts";
import { deleteFile } from "./delete_file.ts";
import { getHistory } from "./get_history.ts";
import { listFiles } from "./list_files.ts";
import { listReminders } from "./list_reminders.ts";
import { readFile } from "./read_file.ts";
import { recall } from "./recall.ts";
import { remember } from "./remember.ts";
import type { ReminderService } from "./reminder_book.ts";
import { runJavascript } from "./run_javascript.ts";
import { saveFile } from "./save_file.ts";
import { scheduleReminder } from "./schedule_reminder.ts";
import { searchHistory } from "./search_history.ts";
import { sendFile } from "./send_file.ts";
import type { UserFiles } from "../files/user_files.ts";
import { JavaScriptSandbox } from "../sandbox/javascript_sandbox.ts";
import type { Tool } from "../tool.ts";
import type { EgressGuard } from "../web/egress_guard.ts";
import { fetchUrl } from "../web/fetch_url.ts";

/** What the built-in tools stand on. */
export interface BuiltinToolsOptions {
  readonly history: HistoryStore;
  readonly memories: MemoryStore;
  readonly reminders: ReminderService;
  readonly files: UserFiles;
  /** Through which pages are fetched. */
  readonly guard: EgressGuard;
}

/** Makes the tools, in the order in which a model is told of them. */
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
