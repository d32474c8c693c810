/** Resident memory of a process, MiB. What `ps` says: Linux and macOS have it. */
export async function residentMb(pid: number): Promise<number> {
  const ps = new Deno.Command("ps", { args: ["-o", "rss=", "-p", String(pid)] });
  return Number(new TextDecoder().decode((await ps.output()).stdout)) / 1024;
}
