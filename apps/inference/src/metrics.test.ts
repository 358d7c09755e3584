import { Breakers } from "@holdfast/activities/breakers";
import { expect, test } from "vitest";
import { inferenceMetrics } from "./metrics.ts";

test("however many models agents name, metrics tell a bounded number of them apart", async () => {
  const { registry, respond } = inferenceMetrics(new Breakers());
  for (let named = 1; named <= 1_000; named++) {
    const labels = { provider: "p", model: `model-${named}` };
    respond.started(labels, 2);
    respond.firstText(labels, 1);
    respond.tokens(labels, { outputTokens: 3 });
    respond.ended(labels, "completed");
  }
  const text = await registry.getSingleMetricAsString("holdfast_model_attempts_total");
  const counts = [...text.matchAll(/model="(?<model>[^"]+)".* (?<count>\d+)$/gm)].map(({ groups }) => groups);
  expect(counts).toHaveLength(101);
  expect(counts).toContainEqual({ model: "model-1", count: "1" });
  expect(counts).toContainEqual({ model: "other", count: "900" });
  const running = await registry.getSingleMetricAsString("holdfast_model_attempts_running");
  expect([...running.matchAll(/\} (\d+)$/gm)].map(([, level]) => level)).toEqual(Array(101).fill("0"));
});
