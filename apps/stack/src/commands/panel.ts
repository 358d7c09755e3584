import { join, relative, sep } from "node:path";
import pc from "picocolors";
import type { Stack } from "../stack.ts";
import { ROOT } from "../paths.ts";

/** The links of a running stack, as one framed block. */
export function panel(stack: Stack, model: string, agents: readonly string[]): string {
  const rows: [string, string | undefined][] = [
    ["Web app", stack.webUrl],
    ["Temporal Web UI", stack.temporalUiUrl],
    ["Console", stack.consoleUrl],
    ["Edges", stack.edgeUrls.join("  ")],
    ["Metrics", `${stack.edgeUrls[0]}/metrics`],
    ["Temporal", stack.temporalAddress],
    ["Valkey", stack.redisUrl],
    ["Model", model],
    ["Agents", agents.length === 0 ? undefined : agents.join(", ")],
    ["Data", shownPath(stack.dir)],
    ["Logs", `${shownPath(join(stack.dir, "logs"))}${sep}*.log (errors are shown here too)`],
  ];
  const shown = rows.flatMap(([label, value]) =>
    // One name for this machine: what a browser keeps for a page belongs to the name in its address.
    value === undefined ? [] : [{ label, value: value.replaceAll("127.0.0.1", "localhost") }],
  );
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

function shownPath(path: string): string {
  return path.startsWith(`${ROOT}${sep}`) ? relative(ROOT, path) : path;
}
