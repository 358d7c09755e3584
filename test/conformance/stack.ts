import { startStack, type Stack, type StackOptions } from "@holdfast/stack/stack";
import { type ModelServer, startModelServer } from "@holdfast/model-server";

/** A whole Holdfast whose model is the scripted server, so that every answer is known beforehand. */
export interface Scene {
  stack: Stack;
  model: ModelServer;
  stop(): Promise<void>;
}

export async function startScene(options: StackOptions = {}): Promise<Scene> {
  const model = await startModelServer();
  const inference = { HOLDFAST_MODEL_URL: model.url, HOLDFAST_MODEL_NAME: "scripted", ...options.env?.["inference"] };
  const stack = await startStack({ ...options, env: { ...options.env, inference } });
  const stop = async (): Promise<void> => {
    await stack.stop();
    await model.stop();
  };
  return { stack, model, stop };
}
