/** How many nested causes are shown. */
const maxCauses = 5;

/** The text of anything thrown, for a log line. Never throws, whatever a plugin has thrown. */
export function errorText(thrown: unknown): string {
  try {
    const texts: string[] = [];
    let error = thrown;
    for (; error instanceof Error && texts.length < maxCauses; error = error.cause) {
      texts.push(error.message);
    }
    return texts.length === 0 ? String(thrown) : texts.join(" (") + ")".repeat(texts.length - 1);
  } catch {
    return "something that has no text was thrown";
  }
}
