/** A plugin that warns about slow tools. See docs/plugins.md. */

import type { Gateway } from "../src/automation/plugins/plugin.ts";

const slowMs = 10_000;

export default function (gateway: Gateway) {
  gateway.hook("tool:end", ({ data, platform, channel_id }) => {
    if (data.duration_ms < slowMs) return;
    const seconds = Math.round(data.duration_ms / 1000);
    gateway.log.warn(`${data.tool_name} took ${seconds} s (${platform}, channel ${channel_id})`);
  });
}
