/**
 * Reduces a tool's JSON Schema to what the strictest provider accepts. A provider rejects the whole request for
 * one unsupported schema, and the limits differ: Google knows no `$ref`, `const` or type lists, Moonshot no
 * `type` beside `anyOf`, OpenAI and Anthropic no union at the top, llama.cpp few patterns. Dropped constraints go
 * into the description if they help the model. The tool still validates its arguments.
 */

/** A JSON Schema. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Maximum number of enum values. Longer enums become plain strings. */
const maxEnumValues = 100;
/** Maximum total length of enum values, characters. */
const maxEnumChars = 5_000;
/** Maximum nesting depth. Deeper schemas accept anything. */
const maxDepth = 12;
/** Maximum number of subschemas to convert, as a guard against reference bombs. */
const maxNodes = 5_000;

/** Keywords with a plain value that every provider supports. */
const kept = ["minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"] as const;
const types = new Set(["string", "number", "integer", "boolean", "object", "array"]);

/** Reduces any input to an object schema. Never throws. */
export function toolSchema(schema: unknown): Record<string, unknown> {
  const reducer = new Reducer(isObject(schema) ? schema : {});
  const { description, ...reduced } = reducer.reduce(schema, 0);
  const { properties = {}, required } = reduced.anyOf ? mergeVariants(reduced) : reduced;
  return {
    type: "object",
    ...(typeof description === "string" && { description }),
    properties,
    ...(Array.isArray(required) && required.length > 0 && { required }),
  };
}

/** Merges a top-level union into one object. Properties that only some variants require are optional. */
function mergeVariants(schema: Record<string, unknown>): Record<string, unknown> {
  const variants = (schema.anyOf as Record<string, unknown>[]).filter(({ properties }) =>
    properties
  );
  const requiredIn = (variant: Record<string, unknown>) =>
    new Set(variant.required as string[] ?? []);
  const [first, ...others] = variants;
  const common = first
    ? [...requiredIn(first)].filter((name) =>
      others.every((variant) => requiredIn(variant).has(name))
    )
    : [];
  const required = [...new Set([...schema.required as string[] ?? [], ...common])];
  return {
    properties: Object.assign(
      {},
      ...variants.map(({ properties }) => properties),
      schema.properties,
    ),
    ...(required.length > 0 && { required }),
  };
}

/** A union has nothing beside it but a description; one that accepts anything says nothing. */
function tidy(schema: Record<string, unknown>): Record<string, unknown> {
  const { anyOf, ...rest } = schema;
  // Parts of `allOf` can contradict each other; the type decides.
  if (rest.type !== undefined && rest.type !== "object") {
    delete rest.properties;
    delete rest.required;
  }
  if (rest.type !== "array") delete rest.items;
  else rest.items ??= {};
  if (rest.type !== "string") {
    delete rest.enum;
    delete rest.format;
  }
  // The values say it all; other parts of `allOf` or a union may have brought more.
  if (rest.enum) { for (const name of ["format", ...kept]) delete rest[name]; }
  if (!Array.isArray(anyOf)) return rest;
  if (anyOf.some((variant) => Object.keys(variant).every((key) => key === "description"))) {
    return rest;
  }
  if (rest.properties) return { ...rest, ...mergeVariants({ ...rest, anyOf }), type: "object" };
  return { ...(rest.description !== undefined && { description: rest.description }), anyOf };
}

class Reducer {
  readonly #root: JsonSchema;
  #nodes = 0;

  constructor(root: JsonSchema) {
    this.#root = root;
  }

  reduce(schema: unknown, depth: number, seen: readonly string[] = []): Record<string, unknown> {
    if (!isObject(schema) || depth > maxDepth || ++this.#nodes > maxNodes) return {};
    if (typeof schema.$ref === "string") {
      const { $ref, ...beside } = schema;
      // A recursive type accepts anything below its first level.
      if (seen.includes($ref)) return described(beside, {});
      const target = this.#resolve($ref);
      return this.reduce({ ...target, ...beside }, depth, [...seen, $ref]);
    }
    if (Array.isArray(schema.allOf)) {
      const { allOf, ...rest } = schema;
      return tidy(this.#mergeAll([rest, ...allOf], depth, seen));
    }
    const union = [schema.anyOf, schema.oneOf].find(Array.isArray) as unknown[] | undefined;
    if (union) return tidy(this.#reduceUnion(schema, union, depth, seen));
    return tidy(this.#reducePlain(schema, depth, seen));
  }

  #reduceUnion(
    schema: JsonSchema,
    union: readonly unknown[],
    depth: number,
    seen: readonly string[],
  ): Record<string, unknown> {
    const variants = union.filter((variant) => !isNull(variant))
      .map((variant) => this.reduce(variant, depth + 1, seen));
    const { anyOf: _, oneOf: __, ...rest } = schema;
    const beside = this.#reducePlain(rest, depth, seen);
    if (variants.length === 0) return beside;
    if (variants.length === 1) return merge(beside, variants[0]!);
    const { type: ___, ...withoutType } = beside;
    // Variants that differ only in their values form one enum.
    const values = variants.map(({ enum: list, type }) => type === "string" ? list : undefined);
    if (values.every(Array.isArray)) {
      return { ...withoutType, ...enumOf(values.flat(), withoutType) };
    }
    return { ...beside, anyOf: variants };
  }

  #reducePlain(
    schema: JsonSchema,
    depth: number,
    seen: readonly string[],
  ): Record<string, unknown> {
    const values = schema.const !== undefined ? [schema.const] : schema.enum;
    if (Array.isArray(values) && values.some((value) => value !== null)) {
      return described(schema, { type: scalarType(schema), ...enumOf(values, {}) });
    }
    const reduced: Record<string, unknown> = {};
    const listed = [schema.type].flat().filter((type) => types.has(type as string)) as string[];
    if (listed.length > 1) {
      const { type: _, description: __, ...rest } = schema;
      const anyOf = listed.map((type) => this.#reducePlain({ ...rest, type }, depth + 1, seen));
      return described(schema, { anyOf });
    }
    const type = listed[0] ?? typeOf(schema);
    if (type) reduced.type = type;
    for (const name of kept) if (typeof schema[name] === "number") reduced[name] = schema[name];
    if (schema.format === "date-time" && type === "string") reduced.format = "date-time";
    if (type === "object") Object.assign(reduced, this.#reduceProperties(schema, depth, seen));
    if (type === "array") {
      const items = [schema.items, schema.prefixItems].flat().find(isObject);
      reduced.items = this.reduce(items, depth + 1, seen);
    }
    return described(schema, reduced);
  }

  #reduceProperties(
    schema: JsonSchema,
    depth: number,
    seen: readonly string[],
  ): Record<string, unknown> {
    const declared = isObject(schema.properties) ? Object.entries(schema.properties) : [];
    const properties = Object.fromEntries(
      declared.filter(([name]) => name !== "" && name !== "__proto__")
        .map(([name, property]) => [name, this.reduce(property, depth + 1, seen)]),
    );
    const required = Array.isArray(schema.required)
      ? [...new Set(schema.required)].filter((name) => Object.hasOwn(properties, name as string))
      : [];
    return { properties, ...(required.length > 0 && { required }) };
  }

  #mergeAll(
    schemas: readonly unknown[],
    depth: number,
    seen: readonly string[],
  ): Record<string, unknown> {
    return schemas.map((schema) => this.reduce(schema, depth, seen)).reduce(merge, {});
  }

  /** Resolves a local reference. Any other accepts everything. */
  #resolve(reference: string): JsonSchema {
    if (!reference.startsWith("#")) return {};
    let target: unknown = this.#root;
    for (const step of reference.slice(1).split("/").filter((name) => name !== "")) {
      const name = decode(step).replaceAll("~1", "/").replaceAll("~0", "~");
      target = typeof target === "object" && target !== null && Object.hasOwn(target, name)
        ? (target as Record<string, unknown>)[name]
        : undefined;
    }
    return isObject(target) ? target : {};
  }
}

function merge(
  one: Record<string, unknown>,
  other: Record<string, unknown>,
): Record<string, unknown> {
  const merged = { ...one, ...other };
  if (one.properties || other.properties) {
    merged.properties = { ...one.properties as object, ...other.properties as object };
  }
  if (one.required || other.required) {
    const required = [...one.required as string[] ?? [], ...other.required as string[] ?? []];
    merged.required = [...new Set(required)];
  }
  if (one.anyOf && other.anyOf) merged.anyOf = one.anyOf;
  if (one.description && other.description && one.description !== other.description) {
    merged.description = `${one.description}\n${other.description}`;
  }
  return merged;
}

/** Google allows only strings in enums; numbers and long lists go into the description. */
function enumOf(
  values: readonly unknown[],
  { description = "" }: { readonly description?: unknown },
): Record<string, unknown> {
  const some = values.filter((value) => value !== null);
  const texts = some.filter((value) => typeof value === "string");
  const chars = texts.reduce((sum, text) => sum + text.length, 0);
  const allTexts = texts.length === some.length && texts.length > 0;
  if (allTexts && texts.length <= maxEnumValues && chars <= maxEnumChars) {
    return { type: "string", enum: [...new Set(texts)] };
  }
  if (some.length === 0) return {};
  const shown = some.slice(0, maxEnumValues).map((value) => JSON.stringify(value)).join(", ");
  const more = some.length > maxEnumValues || shown.length > maxEnumChars ? ", …" : "";
  const note = `One of: ${shown.slice(0, maxEnumChars)}${more}`;
  return {
    ...(allTexts && { type: "string" }),
    description: description ? `${description} ${note}` : note,
  };
}

/** Adds the description, including constraints that the reduced schema cannot express. */
function described(
  schema: JsonSchema,
  reduced: Record<string, unknown>,
): Record<string, unknown> {
  const notes: string[] = [];
  if (typeof schema.description === "string" && schema.description !== "") {
    notes.push(schema.description);
  } else if (typeof schema.title === "string" && schema.title !== "") notes.push(schema.title);
  if (typeof reduced.description === "string") notes.push(reduced.description);
  if (schema.default !== undefined && schema.default !== null) {
    const value = JSON.stringify(schema.default);
    if (value.length <= 200) notes.push(`Default: ${value}`);
  }
  if (typeof schema.pattern === "string" && schema.pattern.length <= 200) {
    notes.push(`Pattern: ${schema.pattern}`);
  }
  if (typeof schema.format === "string" && reduced.format === undefined) {
    notes.push(`Format: ${schema.format}`);
  }
  const description = [...new Set(notes)].join(" ");
  const entries = Object.entries({ ...reduced, ...(description !== "" && { description }) });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/** Infers the type of a schema without one. */
function typeOf(schema: JsonSchema): string | undefined {
  if (isObject(schema.properties) || isObject(schema.additionalProperties)) return "object";
  if (schema.items !== undefined || schema.prefixItems !== undefined) return "array";
  return undefined;
}

/** Returns the type of enum values: the schema's, or else that of the values. */
function scalarType(schema: JsonSchema): string | undefined {
  const own = [schema.type].flat().find((type) =>
    type === "number" || type === "integer" || type === "boolean" || type === "string"
  );
  if (own) return own as string;
  const values = (schema.const !== undefined ? [schema.const] : schema.enum) as unknown[];
  const type = typeof values.find((value) => value !== null);
  return type === "string" || type === "number" || type === "boolean" ? type : undefined;
}

function isNull(schema: unknown): boolean {
  return isObject(schema) && (schema.type === "null" || schema.const === null);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function isObject(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
