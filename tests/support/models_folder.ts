/** A folder with a `models.yaml` whose providers are scripted LLM servers. */

import { join } from "node:path";
import { stringify } from "yaml";
import { TempFolder } from "./process/temp_folder.ts";

/** A provider with one model of the same name. */
export interface ScriptedProvider {
  readonly server: { readonly url: string };
  /** More fields of the provider, as in the file. */
  readonly provider?: object;
  /** More fields of the model, as in the file. */
  readonly model?: object;
}

/** Each provider has one model; without `tiers` they are each other's fallbacks, in order. */
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

  /** The part of a gateway's configuration that points here. */
  get config(): { readonly modelsFile: string } {
    return { modelsFile: this.modelsFile };
  }
}
