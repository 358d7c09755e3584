/** Prometheus samples by name and labels, as the text format writes them: `name{label="value"}`. */
export type Samples = ReadonlyMap<string, number>;

/** A process that does not answer for so long would be taken out by any balancer. */
export const ANSWER_MS = 10_000;

export function parseSamples(text: string): Samples {
  const samples = new Map<string, number>();
  for (const line of text.split("\n")) {
    const end = line.lastIndexOf(" ");
    if (!line.startsWith("#") && end > 0) samples.set(line.slice(0, end), Number(line.slice(end + 1)));
  }
  return samples;
}

/** `url`: of a process of ours, or of the page itself. Rejects when there is no answer. */
export async function readMetrics(url: string): Promise<Samples> {
  const page = url.endsWith("/metrics") ? url : `${url}/metrics`;
  const response = await fetch(page, { signal: AbortSignal.timeout(ANSWER_MS) });
  if (!response.ok) throw new Error(`The metrics at ${page} answered ${response.status}.`);
  return parseSamples(await response.text());
}

/** Empty when the process does not answer. */
export async function scrape(url: string): Promise<Samples> {
  return readMetrics(url).catch(() => new Map());
}

/** Sum over all samples of a metric that have all of these labels. */
export function sumOf(samples: Samples, name: string, ...labels: readonly string[]): number {
  return valueOf(samples, name, ...labels) ?? 0;
}

/** The same, but a metric that is not served is told from one that is 0. */
export function valueOf(samples: Samples, name: string, ...labels: readonly string[]): number | undefined {
  let total: number | undefined;
  for (const [key, value] of samples) {
    const isOf = key === name || key.startsWith(`${name}{`);
    if (isOf && labels.every((label) => key.includes(label))) total = (total ?? 0) + value;
  }
  return total;
}
