import type { Input } from "@holdfast/contract/snapshot";

/** SPEC send-2: inputs made durable and not yet taken by a turn, in the order they were made durable. */
export class Inbox {
  #inputs: Input[];
  #taken = 0;

  constructor(inputs: readonly Input[] = []) {
    this.#inputs = [...inputs];
  }

  get size(): number {
    return this.#inputs.length - this.#taken;
  }

  add(input: Input): void {
    this.#inputs.push(input);
  }

  take(): Input | undefined {
    const input = this.#inputs[this.#taken];
    if (input === undefined) return undefined;
    this.#taken++;
    // Not `shift`, which would move the whole rest at every turn.
    if (this.#taken * 2 > this.#inputs.length) {
      this.#inputs = this.#inputs.slice(this.#taken);
      this.#taken = 0;
    }
    return input;
  }

  toCarry(): Input[] {
    return this.#inputs.slice(this.#taken);
  }
}
