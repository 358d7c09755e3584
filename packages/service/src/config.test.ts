import { expect, test } from "vitest";
import { z } from "zod";
import { baseConfigShape, ConfigError, loadConfig, redisConfigShape } from "./config.ts";

test("an empty variable counts as unset, so its default holds", () => {
  expect(loadConfig(baseConfigShape, { HOLDFAST_HOST: "" }).HOLDFAST_HOST).toBe("127.0.0.1");
});

test("every wrong variable is named in one error, so that they are corrected in one go", () => {
  const shape = { ...redisConfigShape, HOLDFAST_PORT: z.coerce.number().int() };
  const load = () => loadConfig(shape, { HOLDFAST_REDIS_URL: "http://example", HOLDFAST_PORT: "many" });
  expect(load).toThrow(ConfigError);
  expect(load).toThrow(/HOLDFAST_REDIS_URL[\s\S]*HOLDFAST_PORT/);
});

test("variables that no setting names are left alone", () => {
  expect(loadConfig(redisConfigShape, { PATH: "/bin" })).toEqual({
    HOLDFAST_REDIS_URL: "redis://127.0.0.1:4379",
    HOLDFAST_LOG_BYTES: 256 * 1024,
  });
});

test.each(["redis://h:1", "rediss://h:1", "redis+sentinel://a:1,b:2/main", "redis+cluster://a:1,b:2"])(
  "%s is a Redis URL",
  (url) => {
    expect(loadConfig(redisConfigShape, { HOLDFAST_REDIS_URL: url }).HOLDFAST_REDIS_URL).toBe(url);
  },
);
