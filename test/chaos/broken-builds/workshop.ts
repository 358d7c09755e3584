import { freePorts } from "@holdfast/stack/stack-ports";
import { type Scene, startScene } from "../../conformance/stack.ts";
import { Cable } from "../cables.ts";
import { Booth } from "./booth.ts";

/** As many builds are tried at a time. */
const BOOTHS = 3;

/** One stack with several booths. */
export class Workshop {
  readonly #scene: Scene;
  readonly #booths: readonly Booth[];
  readonly #free: Booth[];
  readonly #waiting: ((booth: Booth) => void)[] = [];

  private constructor(scene: Scene, booths: readonly Booth[]) {
    this.#scene = scene;
    this.#booths = booths;
    this.#free = [...booths];
  }

  static async open(): Promise<Workshop> {
    const ports = await freePorts({ edges: BOOTHS, inference: BOOTHS });
    const toTemporal = (): Promise<Cable> => Cable.to(`http://127.0.0.1:${ports.temporal}`);
    const cables = await Promise.all(
      Array.from({ length: BOOTHS }, async () => ({
        edgeToTemporal: await toTemporal(),
        inferenceToTemporal: await toTemporal(),
      })),
    );
    const roots = new Map<string, string>();
    // Nothing is under way when a build makes room for the next.
    const env: Record<string, Record<string, string>> = { all: { HOLDFAST_SHUTDOWN_GRACE_SECONDS: "1" } };
    for (const [index, { edgeToTemporal, inferenceToTemporal }] of cables.entries()) {
      const lane = `booth-${index + 1}`;
      env[`edge-${index + 1}`] = { HOLDFAST_LANE: lane, HOLDFAST_TEMPORAL_ADDRESS: new URL(edgeToTemporal.url).host };
      env[`inference-${index + 1}`] = {
        HOLDFAST_LANES: lane,
        HOLDFAST_TEMPORAL_ADDRESS: new URL(inferenceToTemporal.url).host,
      };
    }
    try {
      const source = (name: string): string | undefined => roots.get(name);
      const scene = await startScene({ ports, edges: BOOTHS, inference: BOOTHS, source, env });
      return new Workshop(
        scene,
        cables.map((pair, index) => new Booth({ ...scene, ...pair, index }, roots)),
      );
    } catch (error) {
      await Promise.all(cables.flatMap((pair) => Object.values(pair).map((cable) => cable.close())));
      throw error;
    }
  }

  /** Waits for a booth that is free, and frees it in the end. */
  async inBooth<T>(use: (booth: Booth) => Promise<T>): Promise<T> {
    const booth = this.#free.shift() ?? (await new Promise<Booth>((resolve) => this.#waiting.push(resolve)));
    try {
      return await use(booth);
    } finally {
      booth.calm();
      const next = this.#waiting.shift();
      if (next) next(booth);
      else this.#free.push(booth);
    }
  }

  async close(): Promise<void> {
    await this.#scene.stop();
    await Promise.all(this.#booths.map((booth) => booth.close()));
  }
}
