/**
 * How a command ends: 0 fine, 1 a problem was found or something does not answer, 2 bad input or configuration.
 * An error is one line with its code and one with the advice; faults are listed each with its path.
 */
import type { Command } from 'commander';
import { isSyncError } from '../../schemas/errors.ts';
import type { ErrorCode } from '../../schemas/errors.ts';

const BAD_INPUT: ReadonlySet<ErrorCode | string> = new Set(['configuration_invalid', 'configuration_missing', 'change_malformed', 'unauthenticated']);

/** What the operator's API refused, as it said. */
export class Refused extends Error {
  readonly code: string;
  readonly advice: string;
  readonly faults: readonly { readonly path: string; readonly message: string }[];
  readonly details: readonly string[];

  constructor(told: { readonly code: string; readonly message: string; readonly advice: string; readonly faults?: readonly { readonly path: string; readonly message: string }[] | undefined }, details: readonly string[] = []) {
    super(told.message);
    this.name = 'Refused';
    this.code = told.code;
    this.advice = told.advice;
    this.faults = told.faults ?? [];
    this.details = details;
  }
}

/** Lines for standard error, and the exit code; null for an error that is a fault of this program. */
export function failureOf(error: unknown): { readonly lines: readonly string[]; readonly exitCode: 1 | 2 } | null {
  const told = isSyncError(error) ? { code: error.code, advice: error.advice, faults: error.facts.faults ?? [], details: [] } : error instanceof Refused ? error : null;
  if (!told || !(error instanceof Error)) return null;
  return {
    exitCode: BAD_INPUT.has(told.code) ? 2 : 1,
    lines: [
      `${told.code}: ${error.message}`,
      ...told.faults.map(({ path, message }) => `  ${path === '' ? '' : `${path}: `}${message}`),
      ...told.details.map((line) => `  ${line}`),
      told.advice,
    ],
  };
}

/** A command's action: failures are told in words, and what is wrong with the arguments ends with 2. */
export function action<A extends unknown[]>(work: (...args: A) => Promise<void>): (...args: A) => Promise<void> {
  return async (...args) => {
    try {
      await work(...args);
    } catch (error) {
      const failure = failureOf(error);
      if (!failure) throw error;
      console.error(failure.lines.join('\n'));
      process.exitCode = failure.exitCode;
    }
  };
}

/** Wrong arguments end with 2 instead of commander's 1. */
export function strict(command: Command): Command {
  return command.exitOverride((error) => { process.exit(error.exitCode === 0 ? 0 : 2); });
}
