/** Sizes of files as people read them. */

const units = ["KiB", "MiB", "GiB", "TiB"] as const;

/** A size in bytes with the unit that suits it, such as "1.5 MiB". */
export function byteSize(bytes: number): string {
  if (bytes < 1024) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(1).replace(/\.0$/, "")} ${units[unit]}`;
}
