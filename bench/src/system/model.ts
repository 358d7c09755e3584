import { startModelServer } from "@holdfast/model-server";
import { begun, planOf } from "@holdfast/test/kit/child-process";
import { z } from "zod";

// The model server as a process of its own, so that its work is not taken for the load generator's.
await startModelServer(planOf(z.object({ port: z.number().int(), script: z.string() })));
begun();
