import { z } from "zod";

const PATIENCE_MS = 4_000;

export interface ModelOptions {
  url: string | undefined;
  key: string | undefined;
  /** Undefined: not set. */
  name: string | undefined;
}

const listSchema = z.object({ data: z.array(z.object({ id: z.string() })) });

/** Which model answers, for people. */
export function modelName({ url, name }: ModelOptions): string {
  if (url === undefined) return "embedded, in the worker (or a server: HOLDFAST_MODEL_URL)";
  return `${name ?? "default"} at ${withoutCredentials(url)}`;
}

/**
 * Asks a model server for its models. Returns a sentence about what will keep it from answering; undefined when nothing is seen
 * to. Not a refusal: the server may come up later, and not every server lists its models.
 */
export async function modelWarning({ url, key, name }: ModelOptions): Promise<string | undefined> {
  if (url === undefined) return undefined;
  const at = `the model server at HOLDFAST_MODEL_URL (${withoutCredentials(url)})`;
  if (new URL(url).username !== "") {
    return "HOLDFAST_MODEL_URL has a user or a password in it, with which no call is made: take them out, and set HOLDFAST_MODEL_KEY";
  }
  let response: Response;
  try {
    response = await fetch(`${url.replace(/\/+$/, "")}/models`, {
      headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch (error) {
    return `${at} does not answer (${causeOf(error)}): start it or correct the address; until then every turn waits for it and fails`;
  }
  const body = await response.text().catch(() => "");
  if (response.status === 401 || response.status === 403) {
    return key === undefined
      ? `${at} wants a key: set HOLDFAST_MODEL_KEY`
      : `${at} does not accept HOLDFAST_MODEL_KEY: correct the key`;
  }
  if (response.status === 404) {
    return `${at} has no list of models at ${new URL(response.url).pathname}: the address usually ends in /v1`;
  }
  if (!response.ok) return `${at} answers ${response.status} when it is asked for its models`;
  const models = modelsIn(body);
  if (models === undefined)
    return `${at} does not answer as an OpenAI-compatible server does: the address usually ends in /v1`;
  const wanted = name ?? "default";
  if (models.length === 0 || models.some((model) => model === wanted || model === `${wanted}:latest`)) return undefined;
  const some = models.slice(0, 5).join(", ") + (models.length > 5 ? " and others" : "");
  return name === undefined
    ? `${at} is asked for a model called "default", which it does not list: set HOLDFAST_MODEL_NAME to one of ${some}`
    : `${at} does not list the model "${name}" of HOLDFAST_MODEL_NAME: it has ${some}`;
}

function modelsIn(body: string): string[] | undefined {
  try {
    const list = listSchema.safeParse(JSON.parse(body));
    return list.success ? list.data.data.map(({ id }) => id) : undefined;
  } catch {
    return undefined;
  }
}

function withoutCredentials(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname.replace(/\/+$/, "")}`;
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer within ${PATIENCE_MS / 1_000} s`;
  if (error.cause instanceof Error) return "code" in error.cause ? String(error.cause.code) : error.cause.message;
  return error.message;
}
