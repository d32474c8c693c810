/**
 * Repairs JSON-RPC messages of servers that deviate from the specification. The SDK drops a message
 * that violates its schemas, and the request would wait until it times out.
 */

/** The id of a request. */
export type RequestId = string | number;

type Json = Readonly<Record<string, unknown>>;

/** JSON-RPC's code for an internal error. */
const internalError = -32603;
/** The protocol version of a server that names none, as the specification says. */
const assumedVersion = "2025-03-26";

/**
 * Repairs one message.
 *
 * @param requestId the request that an answer without id belongs to, if there is only one.
 */
export function repairMessage(json: unknown, requestId?: RequestId): unknown {
  if (!isObject(json)) return json;
  const { method, params, result, error } = json;
  const jsonrpc = "2.0";
  const id = json.id ?? undefined;
  if (typeof method === "string") {
    return {
      jsonrpc,
      ...(id !== undefined && { id }),
      method,
      ...(isObject(params) && { params }),
    };
  }
  const answerId = id ?? requestId;
  const answer = { jsonrpc, ...(answerId !== undefined && { id: answerId }) };
  // Serializers of optional fields write `"error": null` next to a result.
  if (error !== undefined && error !== null) return { ...answer, error: repairError(error) };
  if ("result" in json || "error" in json) return { ...answer, result: repairResult(result) };
  // Some servers answer with the bare result.
  return requestId === undefined || "jsonrpc" in json ? json : { ...answer, result: json };
}

/** An answer that reports an error. */
export function errorAnswer(id: RequestId, message: string): object {
  return { jsonrpc: "2.0", id, error: { code: internalError, message } };
}

/** Whether a message answers the request. */
export function isAnswerTo(message: unknown, id: RequestId): boolean {
  return isObject(message) && !("method" in message) && String(message.id) === String(id);
}

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function repairError(error: unknown): object {
  if (!isObject(error)) return { code: internalError, message: textOf(error) };
  const code = Number(error.code);
  return {
    code: Number.isSafeInteger(code) && error.code !== null ? code : internalError,
    message: typeof error.message === "string" ? error.message : textOf(error),
    ...(error.data !== undefined && { data: error.data }),
  };
}

function repairResult(result: unknown): object {
  if (result === undefined || result === null) return {};
  if (Array.isArray(result)) return { content: result };
  if (!isObject(result)) return { content: [{ type: "text", text: String(result) }] };
  const isInitialize = "protocolVersion" in result ||
    "serverInfo" in result && "capabilities" in result;
  if (isInitialize) return repairInitializeResult(result);
  const { _meta, ...fields } = result;
  return isObject(_meta) ? result : fields;
}

/** Reduces the answer to `initialize` to the fields that are used, with valid types. */
function repairInitializeResult(result: Json): object {
  const { protocolVersion, capabilities, serverInfo, instructions } = result;
  const supported = Object.entries(isObject(capabilities) ? capabilities : {})
    .filter(([, value]) => value === true || isObject(value));
  const { name, version } = isObject(serverInfo) ? serverInfo : {};
  return {
    protocolVersion: typeof protocolVersion === "string" ? protocolVersion : assumedVersion,
    capabilities: Object.fromEntries(supported.map(([feature]) => [feature, {}])),
    serverInfo: { name: String(name ?? ""), version: String(version ?? "") },
    ...(typeof instructions === "string" && { instructions }),
  };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
