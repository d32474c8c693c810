/**
 * Imports a module from the disk, also in the compiled program, which has no compiler for TypeScript:
 * there the types are taken out first. Used for plugins.
 */

import { pathToFileURL } from "node:url";
import { errorText } from "../../lib/error_text.ts";

/** A module's exports. */
export type Module = Readonly<Record<string, unknown>>;

/** The first import of another file of the folder. */
const relativeImport = /\b(?:from|import)\s*\(?\s*["'](\.{1,2}\/[^"']+)["']/;

/** Imports the module at an absolute path. @throws what the module throws, and where it is wrong. */
export async function importModule(path: string): Promise<Module> {
  if (!Deno.build.standalone || !path.endsWith(".ts")) {
    return await import(pathToFileURL(path).href);
  }
  const { transform } = await import("./typescript_library.ts");
  const { code } = transform(await Deno.readTextFile(path), {
    transforms: ["typescript"],
    disableESTransforms: true,
    filePath: path,
  });
  // Lines are where they were; the URL's end names the file in errors.
  const source = `${code}\n//# sourceURL=${pathToFileURL(path).href}`;
  const url = `data:text/javascript;charset=utf-8,${encodeURIComponent(source)}`;
  try {
    return await import(url);
  } catch (error) {
    const [, relative] = relativeImport.exec(code) ?? [];
    if (relative !== undefined) {
      throw new Error(
        `Cannot import "${relative}" from ${path}: in the compiled program a plugin in TypeScript is ` +
          "one file. Write it in JavaScript, or put all into one",
        { cause: error },
      );
    }
    const text = errorText(error);
    // Such a URL is the whole module: nobody wants to read it in the log.
    throw text.includes(url) ? new Error(text.replaceAll(url, path)) : error;
  }
}
