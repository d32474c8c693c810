/** How many nested causes are included. */
const maxCauses = 5;

/** The text of anything thrown, with its causes, for the log. Never throws itself. */
export function errorText(thrown: unknown): string {
  try {
    const texts: string[] = [];
    let error = thrown;
    for (; error instanceof Error && texts.length < maxCauses; error = error.cause) {
      texts.push(error.message);
    }
    return texts.length === 0 ? String(thrown) : texts.join(" (") + ")".repeat(texts.length - 1);
  } catch {
    return "a value without text was thrown";
  }
}
