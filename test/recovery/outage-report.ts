import { countsOf, mebibytes, milliseconds, seconds } from "../kit/report.ts";
import { quantile } from "../kit/statistics.ts";
import type { Volume } from "./outage-flood.ts";
import type { OutageResult } from "./outage.ts";

/** For people, on standard output: a line for each outage, then what each of them cost. */
export function printOutages(results: readonly OutageResult[]): void {
  console.table(Object.fromEntries(results.map((result) => [result.name, summary(result)])));
  for (const result of results) {
    console.log(`\n${result.name}: memory of each process in MiB, and how often it ended`);
    console.table(result.processes);
    if (result.floods.length > 0) printFloods(result);
    console.log(`Signals to Temporal in each second after the return: ${result.signalsPerSecond.join(" ")}`);
    console.log(`Who came in the middle waited at most: ${newcomers(result)}`);
    for (const rule of result.broken) console.log(`BROKEN ${rule}`);
    for (const violation of result.violations) console.log(`BROKEN ${JSON.stringify(violation)}`);
  }
}

function summary(result: OutageResult): Record<string, number | string> {
  const { ackMs } = result;
  return {
    "sent while away": result.sent,
    "acked while away": result.acked,
    ...countsOf(result.violations),
    "other rules broken": result.broken.length,
    "ack p50 before": milliseconds(quantile(ackMs.before, 0.5)),
    "ack p50 while away": milliseconds(quantile(ackMs.during, 0.5)),
    "ack max while away": milliseconds(quantile(ackMs.during, 1)),
    "told within": seconds(result.toldMs ?? Number.NaN),
    "converged p50": seconds(quantile(result.convergedMs, 0.5)),
    "converged max": seconds(quantile(result.convergedMs, 1)),
    "logs healed max": seconds(quantile(result.healedMs, 1)),
    "all answered": seconds(result.restMs),
  };
}

function printFloods({ floods }: OutageResult): void {
  console.log("What one edge took of a flood, and what it refused:");
  const rows = floods.map(({ size, session, connection, node, connections, refused, refusedBytes }) => {
    const taken = { "of a session": volume(session), "of a connection": volume(connection), "of all": volume(node) };
    return [`${size} events`, { ...taken, connections, refused, "refused MiB": mebibytes(refusedBytes) }];
  });
  console.table(Object.fromEntries(rows));
}

function newcomers({ newcomers: tookMs }: OutageResult): string {
  const most = (values: number[]): string => milliseconds(quantile(values, 1));
  const connect = most(tookMs.map(({ connectMs }) => connectMs));
  const open = most(tookMs.map(({ openMs }) => openMs));
  return `${connect} to connect, ${open} for \`open\`, ${most(tookMs.map(({ commandMs }) => commandMs))} for a command`;
}

function volume({ events, bytes }: Volume): string {
  return `${events} (${(bytes / 1_048_576).toFixed(2)} MiB)`;
}
