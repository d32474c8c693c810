/** A `message` with every field, in each dialect. */

export const clara1Message = {
  type: "message",
  request_id: "r-1",
  user_id: "u-1",
  channel_id: "c-1",
  content: "Hello",
  attachments: [
    {
      type: "image",
      filename: "a.png",
      media_type: "image/png",
      base64_data: "aGk=",
      content: "caption",
      size: 2,
    },
    { type: "text", filename: "a.txt", content: "hi" },
  ],
  user_name: "Ada",
  channel_type: "group",
  channel_name: "general",
  thread_id: "t-1",
  priority: "high",
  overlap: "interrupt",
  reply_chain: [
    { role: "user", content: "earlier", user_id: "u-2", user_name: "Bob" },
    { role: "assistant", content: "yes", user_id: null, user_name: null },
  ],
  tier_override: "low",
  metadata: { any: ["thing", { deep: null }] },
} as const;

export const claraPyMessage = {
  type: "message",
  id: "r-1",
  user: { id: "u-1", platform_id: "p-1", name: "ada", display_name: "Ada L." },
  channel: { id: "c-1", type: "dm", name: "general", guild_id: "g-1", guild_name: "Guild" },
  content: "Hello",
  attachments: [
    {
      type: "image",
      filename: "a.png",
      media_type: "image/png",
      base64_data: "aGk=",
      content: "caption",
      size: 2,
    },
  ],
  reply_chain: [{ role: "user", content: "earlier", user_id: "u-2", user_name: "Bob" }],
  tier_override: "high",
  metadata: { is_mention: true },
} as const;
