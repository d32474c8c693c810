/**
 * The parts of the Model Context Protocol that this program reads, as its specification (2025-06-18)
 * has them. The SDK's own types are inferred in a way that Deno resolves to `any`.
 */

/** What a resource holds: text, or bytes in base64. */
export interface McpResource {
  readonly uri: string;
  readonly mimeType?: string;
  readonly text?: string;
  readonly blob?: string;
}

/** One piece of what a tool gives. */
export type McpContent =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image" | "audio"; readonly data: string; readonly mimeType: string }
  | {
    readonly type: "resource_link";
    readonly uri: string;
    readonly name: string;
    readonly description?: string;
  }
  | { readonly type: "resource"; readonly resource: McpResource };

/** What a tool call gives. */
export interface McpCallResult {
  readonly content?: readonly McpContent[];
  readonly structuredContent?: unknown;
  readonly isError?: boolean;
}

/** A tool as a server lists it. The hints are the server's word, not to be trusted. */
export interface McpToolInfo {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly inputSchema: Readonly<Record<string, unknown>>;
  readonly annotations?: {
    readonly title?: string;
    readonly readOnlyHint?: boolean;
    readonly openWorldHint?: boolean;
  };
}
