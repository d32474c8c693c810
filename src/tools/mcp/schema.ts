/**
 * A server's JSON Schema, made fit for others: for the model's provider, which refuses a whole request
 * over a schema that it does not like, and for our own reading of arguments.
 */

type Json = Readonly<Record<string, unknown>>;

/** What providers refuse at the top of a tool's schema. The server checks it all the same. */
const refusedAtTop = ["$schema", "anyOf", "oneOf", "allOf", "not", "enum"];

/**
 * What our reading leaves to the server: patterns may take for ever, formats differ, and a default is the
 * server's to fill in.
 */
const leftToServer = new Set(["pattern", "patternProperties", "format", "default"]);

/** Keywords whose value maps names to schemas. */
const maps = new Set(["properties", "$defs", "definitions", "dependentSchemas"]);

/** The schema as a model's provider takes it. */
export function schemaForModel(schema: Json): Json {
  const top = Object.fromEntries(
    Object.entries(schema).filter(([keyword]) => !refusedAtTop.includes(keyword)),
  );
  return withItems({ properties: {}, ...top, type: "object" }) as Json;
}

/** The schema as it is used to look at arguments before the server gets them. */
export function schemaForReading(schema: Json): Json {
  return without(schema, { names: false }) as Json;
}

/** Gives each array a schema for its items, which some providers demand. */
function withItems(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withItems);
  if (typeof node !== "object" || node === null) return node;
  const copy = Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, withItems(value)]),
  );
  const bare = copy.type === "array" && copy.items === undefined && copy.prefixItems === undefined;
  return bare ? { ...copy, items: {} } : copy;
}

/** `names`: whether the keys of this object are names of the server's, not keywords. */
function without(node: unknown, { names }: { readonly names: boolean }): unknown {
  if (Array.isArray(node)) return node.map((item) => without(item, { names: false }));
  if (typeof node !== "object" || node === null) return node;
  return Object.fromEntries(
    Object.entries(node)
      .filter(([key]) => names || !leftToServer.has(key))
      .map(([key, value]) => [key, without(value, { names: !names && maps.has(key) })]),
  );
}
