/**
 * An error that a provider reported, by HTTP status or inside a stream, with what its body says wherever
 * it says it: providers, gateways and frameworks all have their own shapes.
 */

/** The fields of a {@linkcode ProviderError}. */
export interface ProviderErrorFields {
  /** The HTTP status; inside a stream the number the error gives as its code, if it looks like one. */
  readonly status?: number;
  /** Codes, types and statuses, in lower case. */
  readonly codes: readonly string[];
  /** The parameter that the provider names. */
  readonly param?: string;
  /** Everything the body says in words, one text per line. */
  readonly text: string;
  readonly headers?: Headers;
  /** Whether the body is a web page. */
  readonly page?: boolean;
  /** Whether it arrived inside a stream that had started well. */
  readonly inStream?: boolean;
}

/** Bytes of an error body that are read. */
const maxBodyBytes = 64 * 1024;
/** Characters of what a provider says that are kept: enough to classify, short enough to log. */
const maxTextChars = 2_000;
/** Objects nested in an error that are looked at. */
const maxDepth = 6;
/**
 * Fields that repeat the request or the model's output. What a user or a model wrote must not decide what an
 * error means.
 */
const echoes =
  /^(?:input|failed_generation|flagged_input|raw_output|prompt|messages|request|body|url|documentation_url)$/;
/** Identifiers and the like, which say nothing about the error. */
const labels = /^(?:param|object|id|.*_id|requestid|timestamp|provider_name)$/i;

export class ProviderError extends Error implements ProviderErrorFields {
  override readonly name = "ProviderError";
  readonly status?: number;
  readonly codes: readonly string[];
  readonly param?: string;
  readonly text: string;
  readonly headers?: Headers;
  readonly page: boolean;
  readonly inStream: boolean;

  constructor(
    { status, codes, param, text, headers, page = false, inStream = false }: ProviderErrorFields,
  ) {
    super(status === undefined ? text : `${status} ${text}`.trim());
    this.status = status;
    this.codes = codes;
    this.param = param;
    this.text = text;
    this.headers = headers;
    this.page = page;
    this.inStream = inStream;
  }
}

/** Reads the error of a response, of its body no more than 64 KiB. */
export async function errorOfResponse(response: Response): Promise<ProviderError> {
  const body = await readStart(response);
  return new ProviderError({
    ...fieldsOf(parsed(body)),
    status: response.status,
    page: body.trimStart().startsWith("<"),
    headers: response.headers,
  });
}

/** Reads an error object that came inside a stream. */
export function errorInStream(value: unknown): ProviderError {
  const fields = fieldsOf(value);
  const status = fields.codes.map(Number).find((code) => code >= 400 && code < 600);
  return new ProviderError({ ...fields, status, inStream: true });
}

/** Pydantic repeats the refused value inside its message. */
function withoutEcho(text: string): string {
  const at = text.search(/['"]input['"]: /);
  return (at < 0 ? text : text.slice(0, at)).trim();
}

async function readStart(response: Response): Promise<string> {
  if (!response.body) return "";
  const decoder = new TextDecoder();
  let text = "";
  try {
    for await (const bytes of response.body) {
      text += decoder.decode(bytes, { stream: true });
      if (text.length > maxBodyBytes) break;
    }
  } catch {
    // The connection broke off; the status and what has arrived say enough.
  }
  return text.slice(0, maxBodyBytes);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A web page of a proxy: its words without the tags.
    return text.trimStart().startsWith("<") ? text.replaceAll(/<[^<>]*>/g, " ") : text;
  }
}

function fieldsOf(body: unknown): Pick<ProviderErrorFields, "codes" | "param" | "text"> {
  const texts = new Set<string>();
  const codes = new Set<string>();
  let param: string | undefined;
  const visit = (value: unknown, key: string, depth: number): void => {
    if (depth > maxDepth || texts.size > 20 || echoes.test(key)) return;
    if (key === "loc" && Array.isArray(value)) {
      // Pydantic's path to what is wrong (Mistral, vLLM, LiteLLM).
      param ??= value.join(".");
      texts.add(value.join("."));
    } else if (typeof value === "number" && /^(?:code|status|status_code)$/.test(key)) {
      codes.add(String(value));
    } else if (typeof value === "string") {
      if (key === "param" && value !== "") param ??= value;
      if (labels.test(key)) return;
      if (/^(?:code|type|status|status_code|reason)$/.test(key)) codes.add(value.toLowerCase());
      // OpenRouter and LiteLLM wrap the provider's own error as a string of JSON.
      else if (/^\s*[{[]/.test(value)) visit(parsed(value), "", depth + 1);
      else if (value.trim() !== "") texts.add(withoutEcho(value).replaceAll(/\s{1,64}/g, " "));
    } else if (Array.isArray(value)) {
      for (const item of value.slice(0, 20)) visit(item, key, depth + 1);
    } else if (typeof value === "object" && value !== null) {
      for (const [name, field] of Object.entries(value).slice(0, 40)) visit(field, name, depth + 1);
    }
  };
  visit(body, "", 0);
  return { codes: [...codes], param, text: [...texts].join("\n").slice(0, maxTextChars) };
}
