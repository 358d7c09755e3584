import type { ModelRequest } from "@holdfast/internal";
import type { EmbeddedConfig } from "./embedded/embedded.ts";
import { ModelError } from "./model-error.ts";
import type { Model, Models } from "./model.ts";
import { createOpenAICompatibleModels, type OpenAICompatibleConfig } from "./openai-compatible.ts";

export interface ModelsConfig {
  embedded: EmbeddedConfig;
  /** `name`: the model of requests that name none. */
  openaiCompatible?: (OpenAICompatibleConfig & { name: string }) | undefined;
}

/**
 * The models of one worker: the embedded one, and those of its model server if it has one, which then are the default. The
 * embedded model is loaded by the first request that asks for it: 0.1 s, and memory, that most workers never need.
 */
export function createModels(config: ModelsConfig): Models {
  const server = config.openaiCompatible;
  const served = server === undefined ? undefined : createOpenAICompatibleModels(server);
  let embedded: Promise<Model> | undefined;
  return {
    async resolve(request: ModelRequest) {
      const provider = request.provider ?? (served === undefined ? "embedded" : "openai-compatible");
      if (provider === "embedded") return (embedded ??= loadEmbedded(config.embedded));
      if (served !== undefined && server !== undefined) return served(request.model ?? server.name);
      throw new ModelError(
        "refused",
        "No model server is configured for this lane: set HOLDFAST_MODEL_URL at its workers.",
      );
    },
  };
}

async function loadEmbedded(config: EmbeddedConfig): Promise<Model> {
  const { createEmbeddedModel } = await import("./embedded/embedded.ts");
  return createEmbeddedModel(config);
}
