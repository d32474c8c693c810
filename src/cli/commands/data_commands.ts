/** The commands about what is kept of people: a part of the table of commands. */

import type { Command } from "../command.ts";
import { json, place, url } from "../common_options.ts";

/** In the order of the help. */
export const dataCommands: readonly Command[] = [
  {
    name: "sessions",
    summary: "Look at sessions, export and end them",
    usage: "ACTION …",
    details: `Actions:
  list [--user ID] [--channel ID] [--platform P] [--limit N] [--json]
                                     the newest sessions
  show ID [--json]                   one of them, and what was said
  export ID [--format jsonl|markdown]
                                     its lines, to be put into a file
  end ID                             ends it: its lines leave the context

Without a running gateway the store in CLARA_DATA_DIR (--data-dir) is looked at.`,
    options: [
      url,
      json,
      { flag: "user", value: "ID", help: "Sessions of this user" },
      { flag: "channel", value: "ID", help: "Sessions in this channel" },
      { flag: "platform", value: "P", help: "Sessions of this platform" },
      { flag: "limit", value: "N", help: "At most so many" },
      { flag: "format", value: "FORMAT", help: "jsonl or markdown" },
    ],
    settings: place,
    actions: ["list", "show", "export", "end"],
    load: async () => {
      const { sessions } = await import("./sessions.ts");
      return (flags, args) => sessions(args, flags);
    },
  },
  {
    name: "forget",
    summary: "Delete all that is kept of a user",
    usage: "--user PLATFORM:ID [--json] [options]",
    options: [url, json, { flag: "user", value: "PLATFORM:ID", help: "Whom to forget" }],
    settings: place,
    load: async () => (await import("./forget.ts")).forget,
  },
  {
    name: "memory",
    summary: "What is remembered of a user",
    usage: "ACTION --user USER …",
    details: `Actions:
  list --user USER [--json]             the newest first
  search QUERY --user USER [--json]     as a turn would find them
  forget --user USER --id ID            one
  forget --user USER --text TEXT        those that hold a text
  forget --user USER --all              all of them, and what waits to be learned

USER is PLATFORM:ID, as in discord:4711. Without a running gateway the store is looked at, and mem0
where it is set.`,
    options: [
      url,
      json,
      { flag: "user", value: "PLATFORM:ID", help: "Whose memories" },
      { flag: "id", value: "ID", help: "The memory to forget" },
      { flag: "text", value: "WORDS", help: "Forget what holds these words" },
      { flag: "all", help: "Forget all of this user" },
    ],
    settings: place,
    actions: ["list", "search", "forget"],
    maxWords: Infinity,
    load: async () => {
      const { memory } = await import("./memory.ts");
      return (flags, args) => memory(args, flags);
    },
  },
  {
    name: "usage",
    summary: "Tokens and cost by user, channel, model or day",
    usage: "[user|channel|model|day|purpose] [options]",
    details:
      `Tokens and cost by day, or by what is named; days in UTC. Estimated requests are those whose
provider did not say what they took.`,
    options: [
      url,
      json,
      { flag: "from", value: "DAY", help: "First day, such as 2030-01-31 (UTC)" },
      { flag: "to", value: "DAY", help: "Last day" },
    ],
    settings: place,
    maxWords: 1,
    load: async () => {
      const { usage } = await import("./usage.ts");
      return (flags, args) => usage(args, flags);
    },
  },
];
