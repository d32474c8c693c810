/**
 * Limits that a process puts on itself by the system's own calls. The sandbox's child needs them in
 * the compiled program: there `import()` of a file asks for no permission, in a worker without any
 * neither. A process that can open nothing can read no file, whatever asks for it.
 */

/** Where the calls are, and how they number and measure. */
const systems = {
  linux: { library: "libc.so.6", openFiles: 7, coreBytes: 4, rssUnit: 1024 },
  darwin: { library: "libSystem.B.dylib", openFiles: 8, coreBytes: 4, rssUnit: 1 },
} as const;

const calls = {
  setrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  getrusage: { parameters: ["i32", "buffer"], result: "i32" },
} as const;

/** Where `ru_maxrss` stands in `struct rusage`: behind two times of 16 bytes. */
const maxRssOffset = 32;
const rusageBytes = 144;

/** The calls, ready while the process may still load libraries. */
export class ProcessLimits {
  readonly #system: typeof systems[keyof typeof systems];
  readonly #calls: Deno.DynamicLibrary<typeof calls>["symbols"];

  /** @throws {Error} on a system where the process cannot be limited. */
  constructor() {
    const { os } = Deno.build;
    if (os !== "linux" && os !== "darwin") {
      throw new Error(`Cannot run code on "${os}": a process cannot be kept from files there`);
    }
    this.#system = systems[os];
    this.#calls = Deno.dlopen(this.#system.library, calls).symbols;
  }

  /**
   * From now on nothing can be opened: no file, no socket. What is open stays so. Where Deno itself
   * needs to open something, for a worker or so, it ends; no image of its memory is written then.
   */
  forbidOpening(): void {
    const none = new Uint8Array(16);
    for (const limit of [this.#system.coreBytes, this.#system.openFiles]) {
      if (this.#calls.setrlimit(limit, none) === 0) continue;
      throw new Error("Cannot run code: the process cannot be kept from files");
    }
  }

  /** The most memory that the process ever had, bytes; to ask for it needs no open file. */
  peakRss(): number {
    const usage = new Uint8Array(rusageBytes);
    if (this.#calls.getrusage(0, usage) !== 0) return Infinity;
    const maxRss = new DataView(usage.buffer).getBigInt64(maxRssOffset, true);
    return Number(maxRss) * this.#system.rssUnit;
  }
}
