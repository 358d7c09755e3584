import type { ConsoleConfig } from "./config.ts";

type Links = Pick<ConsoleConfig, "HOLDFAST_TEMPORAL_UI_URL" | "HOLDFAST_EDGE_URLS">;

/** The console's one page: what it is today, and where to look. Every value is escaped: URLs come from outside. */
export function indexPage(links: Links): string {
  const temporal = links.HOLDFAST_TEMPORAL_UI_URL;
  const edges = links.HOLDFAST_EDGE_URLS.map(
    (edge) =>
      `<li>${escape(edge)}: ${link(`${edge}/healthz`, "alive")}, ${link(`${edge}/readyz`, "ready")}, ${link(`${edge}/metrics`, "metrics")}</li>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Holdfast console</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Holdfast console</h1>
<p>For operators. This version serves its own health and metrics and the links below; it has no view of sessions, lanes
or failed turns yet. Sessions can be inspected in Temporal's web UI: each one is a workflow named
<code>session/tenant/owner/name</code>.</p>
<h2>Temporal</h2>
<ul>${temporal === undefined ? "<li>No address is configured (HOLDFAST_TEMPORAL_UI_URL).</li>" : `<li>${link(temporal, "Temporal web UI")}</li>`}</ul>
<h2>Edges</h2>
<ul>${edges.length === 0 ? "<li>No edges are configured (HOLDFAST_EDGE_URLS).</li>" : edges.join("")}</ul>
<h2>This process</h2>
<ul><li>${link("/healthz", "alive")}, ${link("/readyz", "ready")}, ${link("/metrics", "metrics")}</li></ul>
</main>
</body>
</html>
`;
}

const STYLE =
  ":root{color-scheme:light dark}body{font:1rem/1.6 system-ui,sans-serif;margin:0}" +
  "main{max-width:40rem;margin:0 auto;padding:2rem 1rem}h1{font-size:1.5rem}h2{font-size:1rem;margin-bottom:0}" +
  "ul{margin-top:.25rem;padding-left:1.25rem;overflow-wrap:anywhere}code{overflow-wrap:anywhere}";

function link(url: string, label: string): string {
  return `<a href="${escape(url)}">${escape(label)}</a>`;
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
