/** The fleets of the bench: for a gateway and for the raw server. */

import { Fleet, type FleetOptions } from "./fleet.ts";
import { message } from "./load.ts";

type Size = Pick<FleetOptions, "url" | "adapters" | "lanes">;

/** Each fleet has new ids, because the gateway remembers earlier ones. */
let runs = 0;

/** Adapters of a gateway. */
export function gatewayFleet(size: Size): Promise<Fleet> {
  const run = runs++;
  return Fleet.open({
    ...size,
    register: (adapter) =>
      JSON.stringify({
        type: "register",
        platform: "bench",
        node_id: `bench-${run}-${adapter}`,
        capabilities: ["streaming"],
        protocol: 1,
      }),
    frame: ({ adapter, lane }, turn) =>
      JSON.stringify({
        type: "message",
        request_id: `${lane}-${run}-${turn}`,
        user_id: `user-${adapter}-${lane}`,
        channel_id: `channel-${run}-${adapter}-${lane}`,
        content: message,
        attachments: [],
      }),
    ends: (text) => text.startsWith('{"type":"response_end"'),
  });
}

/** Sockets of the raw server that get each frame back. */
export function echoFleet(size: Size): Promise<Fleet> {
  const frame = ({ lane }: { readonly lane: number }) =>
    JSON.stringify({ type: "message", request_id: `${lane}-0`, content: message, attachments: [] });
  return Fleet.open({ ...size, url: `${size.url}/echo`, frame, ends: () => true });
}

/** Sockets of the raw server that get as many frames for each of theirs as a reply has. */
export function burstFleet(size: Size): Promise<Fleet> {
  return Fleet.open({
    ...size,
    url: `${size.url}/burst`,
    frame: ({ lane }) =>
      JSON.stringify({ type: "message", request_id: `${lane}-0`, content: message }),
    ends: (text) => text.startsWith('{"type":"response_end"'),
  });
}
