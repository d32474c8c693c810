/**
 * The sockets that have not said who they are: they may take up a part of the connections only, so that
 * adapters find a place whatever strangers do. Used by the server.
 */

export class UnregisteredConnectionLimit {
  readonly #places: number;
  readonly #placesOfAddress: number;
  readonly #byAddress = new Map<string, number>();
  #size = 0;

  /** Half of the connections are for strangers, half of these for those of one address. */
  constructor({ connections }: { readonly connections: number }) {
    this.#places = Math.ceil(connections / 2);
    this.#placesOfAddress = Math.ceil(connections / 4);
  }

  /** Whether one more may wait. */
  hasRoom(address: string): boolean {
    return this.#size < this.#places && this.#of(address) < this.#placesOfAddress;
  }

  /** Takes one in; gives how it leaves, once it has registered or its socket has ended. */
  enter(address: string): () => void {
    this.#add(address, 1);
    let left = false;
    return () => {
      if (!left) this.#add(address, -1);
      left = true;
    };
  }

  #add(address: string, count: number): void {
    this.#size += count;
    const size = this.#of(address) + count;
    if (size > 0) this.#byAddress.set(address, size);
    else this.#byAddress.delete(address);
  }

  #of(address: string): number {
    return this.#byAddress.get(address) ?? 0;
  }
}
