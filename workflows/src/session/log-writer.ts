import type { Commit, Shown } from "@holdfast/activities/publish";
import type { BodyOf } from "@holdfast/contract/frames";
import type { SessionKey } from "@holdfast/contract/ids";
import type { HeldStep } from "@holdfast/internal/temporal";
import { log } from "@temporalio/workflow";
import { heldStep, publish, repair, requestStop } from "./activities.ts";

export interface LogWriterOptions {
  key: SessionKey;
  /** As in the Query's answer; with a turn's number it names the turn. */
  epoch: number;
  /** The run before missed a frame. */
  unrepaired: boolean;
}

/**
 * The workflow's side of the session log. Redis is a disposable cache: when it cannot be written the session goes on,
 * and one repair activity brings the log up to date once Redis is back.
 *
 * It runs one local activity at a time. Two side by side may end in any order, but a replay ends them in the order in which they
 * began. Then the session would act in another order than its history says, and no worker could ever replay it.
 */
export class LogWriter {
  readonly #key: SessionKey;
  readonly #epoch: number;
  #repairing = false;
  /** A frame was missed which the repair under way may have been too early for. */
  #missed = false;
  #use: Promise<unknown> | undefined;

  constructor({ key, epoch, unrepaired }: LogWriterOptions) {
    this.#key = key;
    this.#epoch = epoch;
    if (unrepaired) this.#repair();
  }

  get unrepaired(): boolean {
    return this.#repairing || this.#missed;
  }

  /**
   * `started`: to be written first where the log does not have it (SPEC frame-2), since no step may have done so. Answers
   * what the session has to adopt, because readers were given it when this workflow task was executed before.
   */
  async publish(commit: Commit, started?: BodyOf<"turn.started">): Promise<Shown | undefined> {
    try {
      const outcome = await this.#alone(() => publish(this.#key, commit, started));
      if (outcome === "published") return undefined;
      if (outcome !== "unreachable") return outcome;
    } catch (error) {
      log.warn("publishing failed", { error: String(error) });
    }
    this.#missed = true;
    this.#repair();
    return undefined;
  }

  /** Best effort: the activity is cancelled as well, which it sees at a heartbeat. */
  async requestStop(turn: number): Promise<void> {
    try {
      await this.#alone(() => requestStop(this.#key, { epoch: this.#epoch, turn }));
    } catch (error) {
      log.warn("requesting a stop through the log failed", { error: String(error) });
    }
  }

  /** What readers hold of the turn's step under way; undefined where the log cannot say. */
  async heldStep(turn: number): Promise<HeldStep | undefined> {
    try {
      return await this.#alone(() => heldStep(this.#key, { epoch: this.#epoch, turn }));
    } catch (error) {
      log.warn("reading what readers hold failed", { error: String(error) });
      return undefined;
    }
  }

  /** Where nothing else is under way `use` begins at once. */
  async #alone<T>(use: () => Promise<T>): Promise<T> {
    while (this.#use !== undefined) await this.#use;
    const mine = use();
    // Those who wait take their turns in the order in which they came, whatever becomes of this one.
    this.#use = mine.then(
      () => (this.#use = undefined),
      () => (this.#use = undefined),
    );
    return mine;
  }

  #repair(): void {
    if (this.#repairing) return;
    this.#repairing = true;
    this.#missed = false;
    repair(this.#key).then(
      () => this.#repaired(),
      (error: unknown) => {
        log.error("repairing the session log failed; the next frame that is missed starts it again", {
          error: String(error),
        });
        this.#repairing = false;
      },
    );
  }

  #repaired(): void {
    this.#repairing = false;
    if (this.#missed) this.#repair();
  }
}
