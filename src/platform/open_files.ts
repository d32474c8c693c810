/** The operating system's limit on open files, which sockets count towards. */

/**
 * Returns how many files this process may have open, or `undefined` if that is unlimited or unknown. Linux only.
 */
export function maxOpenFiles(): number | undefined {
  try {
    const limits = Deno.readTextFileSync("/proc/self/limits");
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
