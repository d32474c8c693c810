/** Checks the settings: what is wrong, what is unknown, what is unwise. Called by `doctor`. */

import { existsSync } from "node:fs";
import { reportSettings, unknownNames } from "../../config_report.ts";
import { errorText } from "../../errors.ts";
import type { GatewayConfig } from "../../config_types.ts";
import { refuseOpenDoor } from "../../start_checks.ts";
import { type CheckContext, error, type Finding, ok, warning } from "./check.ts";

export function checkConfig({ surroundings, config, wrong }: CheckContext): readonly Finding[] {
  const reports = reportSettings(surroundings);
  const set = reports.filter(({ from }) => from !== "default").length;
  const findings = [
    ...(wrong?.split("\n") ?? []).flatMap(error),
    ...unknownNames(surroundings).flatMap(warning),
  ];
  try {
    if (config) refuseOpenDoor(config, { hasKeys: hasKeys(config) });
  } catch (thrown) {
    findings.push(...error(errorText(thrown)));
  }
  if (config?.insecure && !hasKeys(config)) {
    findings.push(...warning("CLARA_INSECURE: everybody who reaches the port may use the gateway"));
  }
  if (findings.length > 0) return findings;
  const { dotEnvPath } = surroundings;
  return ok(`${set} of ${reports.length} settings are set${dotEnvPath ? `, ${dotEnvPath}` : ""}`);
}

/** Whether there is a secret to know; what the file holds the gateway says when it starts. */
function hasKeys({ secret, secretsFile }: GatewayConfig): boolean {
  return secret !== undefined || existsSync(secretsFile);
}
