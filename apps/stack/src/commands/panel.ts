import { relative } from "node:path";
import pc from "picocolors";
import type { Stack } from "../stack.ts";
import { ROOT } from "../paths.ts";

/** The links of a running stack, as one framed block. */
export function panel(stack: Stack): string {
  const rows: [string, string | undefined][] = [
    ["Web app", stack.webUrl],
    ["Temporal Web UI", stack.temporalUiUrl],
    ["Console", stack.consoleUrl],
    ["Edges", stack.edgeUrls.join("  ")],
    ["Metrics", `${stack.edgeUrls[0]}/metrics`],
    ["Temporal", stack.temporalAddress],
    ["Valkey", stack.redisUrl],
    ["Data and logs", stack.dir.startsWith(ROOT) ? relative(ROOT, stack.dir) : stack.dir],
  ];
  const shown = rows.flatMap(([label, value]) => (value === undefined ? [] : [{ label, value }]));
  const labelWidth = Math.max(...shown.map(({ label }) => label.length));
  const lines = shown.map(({ label, value }, index) => ({
    plain: `${label.padEnd(labelWidth)}  ${value}`,
    coloured: `${pc.dim(label.padEnd(labelWidth))}  ${index === 0 ? pc.bold(pc.cyan(value)) : value}`,
  }));
  const width = Math.max(...lines.map(({ plain }) => plain.length));
  const rule = "─".repeat(width + 2);
  const body = lines.map(({ plain, coloured }) => `│ ${coloured}${" ".repeat(width - plain.length)} │`);
  return [`╭${rule}╮`, ...body, `╰${rule}╯`, `${pc.bold("Holdfast is running.")} Ctrl-C stops all of it.`].join("\n");
}
