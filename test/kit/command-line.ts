import { Command, InvalidArgumentError } from "commander";

/** A command's program, `npm run <name> -- …`. As everywhere here: exit code 2 for an option that is not right, 1 for what was found. */
export function program(name: string, description: string): Command {
  return new Command(`npm run ${name} --`)
    .description(description)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));
}

/** Gives a command what it does; the number it resolves to is the exit code. */
export function does<Options>(command: Command, act: (options: Options) => Promise<number>): Command {
  return command.action(async (options: Options) => {
    process.exitCode = await act(options);
  });
}

/** Runs it. A library's timer must not keep a command alive that has done its work. */
export async function run(command: Command): Promise<never> {
  await command.parseAsync();
  process.exit();
}

type Parser<T> = (text: string) => T;

function number(isRight: (value: number) => boolean, words: string): Parser<number> {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isFinite(value) && isRight(value)) return value;
    throw new InvalidArgumentError(`It must be ${words}.`);
  };
}

export const positive = number((value) => value > 0, "a number above 0");
export const notNegative = number((value) => value >= 0, "a number from 0");
export const whole = number((value) => Number.isSafeInteger(value) && value > 0, "a whole number above 0");
export const wholeUpTo = (most: number): Parser<number> =>
  number((value) => Number.isSafeInteger(value) && value > 0 && value <= most, `a whole number from 1 to ${most}`);
export const wholeOrNone = number(
  (value) => Number.isSafeInteger(value) && value >= 0,
  "a whole number, 0 for none of them",
);

/** For an option that takes several of the given names. */
export function namesAmong<Name extends string>(names: readonly Name[]) {
  return (text: string, before: Name[] = []): Name[] => {
    const name = names.find((each) => each === text);
    if (name === undefined) throw new InvalidArgumentError(`Choose from ${names.join(", ")}.`);
    return before.includes(name) ? before : [...before, name];
  };
}
