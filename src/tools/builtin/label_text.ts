/** What a tool was given, short enough for the line that tells people what it does. */

/** Cuts a text to so many characters; emoji and the like count as one and are not cut apart. */
export function labelText(text: string, maxChars: number): string {
  const characters = [...text];
  return characters.length <= maxChars ? text : `${characters.slice(0, maxChars - 1).join("")}…`;
}
