/** Attachments as the model can read them: text inlined, images as data URLs, the rest by name. */

import { Buffer } from "node:buffer";
import type { Attachment, UserMessage } from "../domain/message.ts";
import { decodeText } from "../lib/files.ts";
import { type ReadImage, readImage } from "./image.ts";

/** Characters of a text attachment that the model is shown. */
const maxTextChars = 100_000;

const textual =
  /^(?:text\/|application\/(?:json|xml|yaml|javascript|x-yaml|toml)\b)|\+(?:json|xml)$/;

/** A message's text with its attachments: text files inlined, the others named. */
export function renderAttachments(message: UserMessage): string {
  return [message.content, ...message.attachments.map(render)].filter(Boolean).join("\n\n");
}

/** The data URL of an image that models can read; undefined for anything else. */
export function imageUrl(attachment: Attachment): string | undefined {
  const image = imageOf(attachment);
  return image && "url" in image ? image.url : undefined;
}

/** Images by their attachment: each is read once, however often it is mentioned. */
const images = new WeakMap<Attachment, ReadImage>();

function imageOf(attachment: Attachment): ReadImage | undefined {
  const { type, base64, mediaType } = attachment;
  const isImage = type === "image" || type === "file" && mediaType?.startsWith("image/");
  if (!isImage || !base64) return undefined;
  let image = images.get(attachment);
  if (!image) images.set(attachment, image = readImage(base64, mediaType));
  return image;
}

function render(attachment: Attachment): string {
  const filename = attachment.filename.replace(/[\s"<>]+/g, " ");
  const image = imageOf(attachment);
  if (attachment.type === "image" || image && "url" in image) {
    return image && "refusal" in image
      ? `[image: ${filename}; it cannot be shown: ${image.refusal}]`
      : `[image: ${filename}]`;
  }
  const text = textOf(attachment);
  if (text === undefined) {
    const details = [
      attachment.mediaType?.replace(/[\s\]]+/g, " ").slice(0, 100),
      attachment.size !== undefined && `${attachment.size} bytes`,
    ].filter(Boolean).join(", ");
    return `[file: ${filename}${details && `, ${details}`}; its content is not shown]`;
  }
  const cut = text.length > maxTextChars
    ? `${text.slice(0, maxTextChars)}\n[${text.length - maxTextChars} characters were cut off]`
    : text;
  // A file must not be able to close its own element and continue as if the user spoke.
  const framed = cut.replaceAll(/<(?=\/attachment)/gi, "&lt;");
  return `<attachment filename="${filename}">\n${framed}\n</attachment>`;
}

/** The text of a text file, decoded by its mark or charset; undefined if it is something else. */
function textOf({ type, text, base64, mediaType }: Attachment): string | undefined {
  if (text !== undefined) return text;
  if (!base64) return undefined;
  if (type !== "text" && !(mediaType && textual.test(mediaType))) return undefined;
  const [, urlType, data = base64] = /^data:([^,]{0,200}),([^]*)$/.exec(base64) ?? [];
  const charset = /charset=["']?([\w.:-]+)/i.exec(mediaType ?? urlType ?? "")?.[1];
  return decodeText(Buffer.from(data, "base64"), { charset });
}
