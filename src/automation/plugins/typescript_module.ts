/**
 * Imports TypeScript in the compiled program, which has no compiler: the types are removed first. Itself
 * imported lazily, because in the compiled program a CommonJS package must be imported by name.
 */

import { pathToFileURL } from "node:url";
import { transform } from "sucrase";
import { errorText } from "../../lib/error_text.ts";

/** Finds the first import of a relative path. */
const relativeImport = /\b(?:from|import)\s*\(?\s*["'](\.{1,2}\/[^"']+)["']/;

/** Imports the module at an absolute path. @throws what the module throws, or why it is invalid. */
export async function importTypeScript(path: string): Promise<Readonly<Record<string, unknown>>> {
  const { code } = transform(await Deno.readTextFile(path), {
    transforms: ["typescript"],
    disableESTransforms: true,
    filePath: path,
  });
  // Line numbers stay the same; the source URL names the file in errors.
  const source = `${code}\n//# sourceURL=${pathToFileURL(path).href}`;
  const url = `data:text/javascript;charset=utf-8,${encodeURIComponent(source)}`;
  try {
    return await import(url);
  } catch (error) {
    const [, relative] = relativeImport.exec(code) ?? [];
    if (relative !== undefined) {
      throw new Error(
        `Cannot import "${relative}" from ${path}: in the compiled program a TypeScript plugin must be ` +
          "a single file. Merge the files, or write the plugin in JavaScript",
        { cause: error },
      );
    }
    const text = errorText(error);
    // The data URL contains the whole module, which does not belong in the log.
    throw text.includes(url) ? new Error(text.replaceAll(url, path)) : error;
  }
}
