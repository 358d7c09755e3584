import { readFile, writeFile } from "node:fs/promises";
import proto from "@temporalio/proto";

export const { History } = proto.temporal.api.history.v1;
export type History = proto.temporal.api.history.v1.IHistory;

/** As readable as a history gets. Not ProtoJSON: the SDK's own helpers for that need one copy of protobufjs everywhere. */
export async function writeHistory(file: URL, history: History): Promise<void> {
  const plain = History.toObject(History.fromObject(history), { longs: String, enums: String, bytes: String });
  // Stack traces name folders of the machine that recorded them, and a replay does not look at them.
  const text = JSON.stringify(plain, (name, value: unknown) => (name === "stackTrace" ? undefined : value));
  await writeFile(file, `${text}\n`);
}

export async function readHistory(file: URL): Promise<History> {
  return History.fromObject(JSON.parse(await readFile(file, "utf8")));
}
