/** Whether an adapter that registers may come in. Asked by the conversation. */

import type * as z from "zod";
import type { AccessKey } from "../access/access_key.ts";
import type { Authenticator } from "../access/authenticator.ts";
import type { RegistrationRates } from "../access/registration_rates.ts";
import { GatewayError } from "../domain/errors.ts";
import { logger } from "../logging/log.ts";
import type { register } from "../protocol/clara1.ts";
import { closeCodes } from "./connection.ts";

const log = logger("server");

/** Where a socket comes from, and what it brought when it was opened. */
export interface Peer {
  readonly address: string;
  /** The secret of the upgrade request's header. */
  readonly bearer?: string;
}

/** What became of it: the key that has let it in, where one is needed, or why not. */
export type Admission =
  | { readonly key?: AccessKey }
  | { readonly refusal: GatewayError; readonly closeCode: number };

const refusals = {
  forbidden: () =>
    new GatewayError("unauthorized", "Cannot register: this secret is not of scope adapter."),
  unauthorized: () =>
    new GatewayError(
      "unauthorized",
      'Cannot register: wrong or no secret. Send it as "Authorization: Bearer …" or in "secret".',
    ),
  rate_limited: () =>
    new GatewayError("rate_limited", "Cannot register: too many wrong secrets. Wait a minute.", {
      recoverable: true,
      details: { retry_after_ms: 60_000 },
    }),
} as const;

/** Who knows whether an adapter may come in. */
export interface Doorkeepers {
  readonly authenticator: Authenticator;
  readonly registrations: RegistrationRates;
}

/** Checks what an adapter and its socket have brought, and how often it comes. */
export function admit(
  frame: z.output<typeof register>,
  { bearer, address }: Peer,
  { authenticator, registrations }: Doorkeepers,
): Admission {
  const result = authenticator.check([bearer, frame.secret], { scope: "adapter", address });
  if (result.type === "ok") {
    const refusal = registrations.take({ nodeId: frame.node_id, address });
    if (!refusal) return { key: result.key };
    log.debug("Refused {node} from {address}: it registers too often", {
      node: frame.node_id,
      address,
    });
    return { refusal, closeCode: closeCodes.rateLimited };
  }
  log.warn("Refused {node} from {address}: {why}", {
    node: frame.node_id,
    address,
    why: result.type,
  });
  return {
    refusal: refusals[result.type](),
    closeCode: result.type === "rate_limited" ? closeCodes.rateLimited : closeCodes.unauthorized,
  };
}
