import { main } from "@holdfast/service/main";
import { edgeConfig } from "./operate/config.ts";
import { startEdge } from "./edge.ts";

await main(() => startEdge(edgeConfig()));
