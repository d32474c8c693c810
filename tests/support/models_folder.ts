/** A folder with a `models.yaml` whose providers are scripted LLM servers. Tests of fallbacks use it. */

import { join } from "node:path";
import { stringify } from "yaml";
import { TempFolder } from "./process/temp_folder.ts";

/** One provider with one model of the same name. */
export interface ScriptedProvider {
  readonly server: { readonly url: string };
  /** Further fields of the provider, as in the file. */
  readonly provider?: object;
  /** Further fields of the model, as in the file. */
  readonly model?: object;
}

/** Each provider has one model; without `tiers` all stand in for each other in their order. */
export class ModelsFolder extends TempFolder {
  readonly modelsFile: string;

  constructor(
    providers: Readonly<Record<string, ScriptedProvider>>,
    more: Readonly<Record<string, unknown>> = {},
  ) {
    super("clara_models_");
    this.modelsFile = join(this.path, "models.yaml");
    const entries = Object.entries(providers);
    const file = {
      providers: Object.fromEntries(entries.map(([name, { server, provider }]) => [
        name,
        { base_url: server.url, ...provider },
      ])),
      models: Object.fromEntries(entries.map(([name, { model }]) => [
        name,
        { provider: name, ...model },
      ])),
      ...more,
    };
    Deno.writeTextFileSync(this.modelsFile, stringify(file));
  }

  /** What a gateway's configuration needs to know of it. */
  get config(): { readonly modelsFile: string } {
    return { modelsFile: this.modelsFile };
  }
}
