/** Media types of files, by the ending of their name. Used by the tools that send files. */

const mediaTypes: Readonly<Record<string, string>> = {
  csv: "text/csv",
  css: "text/css",
  gif: "image/gif",
  html: "text/html",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  js: "text/javascript",
  json: "application/json",
  md: "text/markdown",
  mp3: "audio/mpeg",
  pdf: "application/pdf",
  png: "image/png",
  svg: "image/svg+xml",
  txt: "text/plain",
  webp: "image/webp",
  xml: "application/xml",
  yaml: "application/yaml",
  yml: "application/yaml",
  zip: "application/zip",
};

/** The media type of a file; undefined where the ending is unknown. */
export function mediaTypeOf(filename: string): string | undefined {
  const ending = filename.slice(filename.lastIndexOf(".") + 1).toLowerCase();
  return Object.hasOwn(mediaTypes, ending) ? mediaTypes[ending] : undefined;
}
