/**
 * Many adapters in one process that keep a gateway busy: each lane has one message in flight and
 * sends the next when it is answered. As cheap as possible, so that the gateway is what is
 * measured: of most frames only the beginning is read.
 */

/** Options of a {@linkcode Fleet}. */
export interface FleetOptions {
  readonly url: string;
  readonly adapters: number;
  /** Messages of one adapter in flight at once, each in its own channel. */
  readonly lanes: number;
  /** Builds a message; the last frame of its answer is one that `ends` accepts. */
  readonly frame: (lane: Lane, turn: number) => string;
  readonly ends: (text: string) => boolean;
  /** Sent first; answered by one frame. */
  readonly register?: (adapter: number) => string;
}

/** One conversation of one adapter. */
export interface Lane {
  readonly adapter: number;
  readonly lane: number;
}

/** What was counted during the measured time. */
export interface FleetResult {
  readonly turnsPerSecond: number;
  /** Frames received. */
  readonly framesPerSecond: number;
  /** Milliseconds from each message to its terminal frame. */
  readonly latencies: readonly number[];
}

/** Duration of the measurement, seconds. */
export interface FleetTimes {
  readonly warmUp: number;
  readonly seconds: number;
}

const startsWithLane = /"request_id":"(\d+)-/;

export class Fleet implements Disposable {
  readonly #options: FleetOptions;
  readonly #sockets: WebSocket[] = [];
  #frames = 0;
  #turns = 0;
  #latencies: number[] = [];
  #failed?: Error;
  #stopping = false;
  #underWay = 0;
  #whenIdle?: () => void;

  /** Opens and registers all sockets. */
  static async open(options: FleetOptions): Promise<Fleet> {
    const fleet = new Fleet(options);
    try {
      for (let adapter = 0; adapter < options.adapters; adapter++) await fleet.#connect(adapter);
      return fleet;
    } catch (error) {
      fleet[Symbol.dispose]();
      throw error;
    }
  }

  private constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** Keeps all lanes busy, counts for a while, and waits until all are answered. */
  async run({ warmUp, seconds }: FleetTimes): Promise<FleetResult> {
    this.#stopping = false;
    this.#sockets.forEach((socket, adapter) => this.#drive(socket, adapter));
    await after(warmUp);
    const from = { at: performance.now(), frames: this.#frames, turns: this.#turns };
    this.#latencies = [];
    await after(seconds);
    const elapsed = (performance.now() - from.at) / 1000;
    const result = {
      turnsPerSecond: (this.#turns - from.turns) / elapsed,
      framesPerSecond: (this.#frames - from.frames) / elapsed,
      latencies: this.#latencies,
    };
    this.#stopping = true;
    if (this.#underWay > 0) await new Promise<void>((resolve) => this.#whenIdle = resolve);
    if (this.#failed) throw this.#failed;
    return result;
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) {
      socket.onclose = null;
      socket.close();
    }
  }

  async #connect(adapter: number): Promise<void> {
    const { url, register } = this.#options;
    const socket = new WebSocket(url);
    this.#sockets.push(socket);
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => register ? socket.send(register(adapter)) : resolve();
      socket.onmessage = ({ data }) =>
        data.startsWith('{"type":"registered"') ? resolve() : reject(new Error(data));
      socket.onclose = ({ code }) =>
        reject(new Error(`Adapter ${adapter} was closed with ${code}`));
    });
    socket.onclose = ({ code }) => this.#fail(`adapter ${adapter} was closed with ${code}`);
  }

  #drive(socket: WebSocket, adapter: number): void {
    const { lanes, frame, ends } = this.#options;
    const sentAt = new Float64Array(lanes);
    let turn = 0;
    const send = (lane: number) => {
      sentAt[lane] = performance.now();
      socket.send(frame({ adapter, lane }, turn++));
    };
    socket.onmessage = ({ data: text }: MessageEvent<string>) => {
      this.#frames++;
      if (text.startsWith('{"type":"error"')) return this.#fail(text);
      if (!ends(text)) return;
      this.#turns++;
      const lane = lanes === 1 ? 0 : Number(startsWithLane.exec(text)![1]);
      this.#latencies.push(performance.now() - sentAt[lane]!);
      if (!this.#stopping) return send(lane);
      this.#underWay--;
      if (this.#underWay === 0) this.#whenIdle?.();
    };
    for (let lane = 0; lane < lanes; lane++) {
      this.#underWay++;
      send(lane);
    }
  }

  #fail(why: string): void {
    this.#failed ??= new Error(`The load broke off: ${why}`);
    this.#whenIdle?.();
  }
}

function after(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
