import type { ModelRequest } from "@holdfast/internal";
import type { Language } from "../language.ts";
import { createEmbeddedModel, type EmbeddedConfig } from "./embedded.ts";
import { ModelError } from "./model-error.ts";
import type { Models } from "./model.ts";
import { createOpenAICompatibleModels, type OpenAICompatibleConfig } from "./openai-compatible.ts";

export interface ModelsConfig {
  embedded: EmbeddedConfig;
  /** `name`: the model of requests that name none. */
  openaiCompatible?: (OpenAICompatibleConfig & { name: string }) | undefined;
}

/** The models of one worker: the embedded one, and those of its model server if it has one, which then are the default. */
export function createModels(loadLanguage: () => Promise<Language>, config: ModelsConfig): Models {
  const server = config.openaiCompatible;
  const served = server === undefined ? undefined : createOpenAICompatibleModels(server);
  return {
    async resolve(request: ModelRequest) {
      const provider = request.provider ?? (served === undefined ? "embedded" : "openai-compatible");
      if (provider === "embedded") return createEmbeddedModel(await loadLanguage(), config.embedded);
      if (served !== undefined && server !== undefined) return served(request.model ?? server.name);
      throw new ModelError(
        "refused",
        "No model server is configured for this lane: set HOLDFAST_MODEL_URL at its workers.",
      );
    },
  };
}
