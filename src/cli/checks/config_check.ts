/** Checks the settings: what is wrong, what is unknown, what is unwise. Called by `doctor`. */

import { Secrets } from "../../access/secrets.ts";
import { reportSettings, unknownNames } from "../../config/report.ts";
import { errorText } from "../../lib/error_text.ts";
import type { GatewayConfig } from "../../config/gateway_config.ts";
import { assertSecretForPublicHost } from "../../app/preflight.ts";
import { type CheckContext, error, type Finding, ok, warning } from "./check.ts";

export async function checkConfig(
  { surroundings, config, wrong }: CheckContext,
): Promise<readonly Finding[]> {
  const reports = reportSettings(surroundings);
  const set = reports.filter(({ from }) => from !== "default").length;
  const findings = [
    ...(wrong?.split("\n") ?? []).flatMap(error),
    ...unknownNames(surroundings).flatMap(warning),
  ];
  const known = config === undefined || await hasKeys(config);
  try {
    if (config) assertSecretForPublicHost(config, { hasKeys: known });
  } catch (thrown) {
    findings.push(...error(errorText(thrown)));
  }
  if (config?.insecure && !known) {
    findings.push(...warning("CLARA_INSECURE: everybody who reaches the port may use the gateway"));
  }
  if (findings.length > 0) return findings;
  const { dotEnvPath } = surroundings;
  return ok(`${set} of ${reports.length} settings are set${dotEnvPath ? `, ${dotEnvPath}` : ""}`);
}

/** Whether there is a secret to know. What is wrong with their file is found with the other files. */
async function hasKeys(config: GatewayConfig): Promise<boolean> {
  try {
    await using secrets = await Secrets.load(config);
    return secrets.authenticator.hasKeys;
  } catch {
    return true;
  }
}
