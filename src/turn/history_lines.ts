/** The lines of history that a turn leaves behind. Written with its outcome, by the processor. */

import type { NewHistoryEntry } from "../store/history_store.ts";
import type { AbsorbedRequest, ClaimedRequest } from "../domain/request.ts";
import { renderAttachments } from "../context/attachments.ts";

/** Characters of a user's message, attachments included, that history keeps. */
const maxKeptChars = 250_000;

/** How a turn went. */
export interface TurnLines {
  /** The user's message, attachments inlined or named. */
  readonly userText: string;
  /** Further messages that were answered with it. */
  readonly absorbed: readonly AbsorbedRequest[];
  /** What was shown of the reply. */
  readonly replyText: string;
  /** Whether the reply was cut off by an error or a cancel. */
  readonly partial: boolean;
  readonly now: number;
}

/** What was asked, and what was answered if anything was. */
export function historyLines(
  { message: { user }, acceptedAt }: Pick<ClaimedRequest, "message" | "acceptedAt">,
  { userText, absorbed, replyText, partial, now }: TurnLines,
): readonly NewHistoryEntry[] {
  const speaker = { userId: user.id, userName: user.name };
  const content = kept(userText);
  const asked = [
    { ...speaker, role: "user", content, partial: false, at: acceptedAt } as const,
    ...absorbed.map(({ message, acceptedAt: at }) => ({
      userId: message.user.id,
      userName: message.user.name,
      role: "user" as const,
      content: kept(renderAttachments(message)),
      partial: false,
      at,
    })),
  ];
  if (replyText === "") return asked;
  return [...asked, { ...speaker, role: "assistant", content: replyText, partial, at: now }];
}

/** Enough of any message that a person wrote. */
function kept(text: string): string {
  if (text.length <= maxKeptChars) return text;
  return `${text.slice(0, maxKeptChars)}\n[${text.length - maxKeptChars} characters were not kept]`;
}
