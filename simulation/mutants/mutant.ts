/** A deliberate mistake in the product: one place of its code, and what stands there instead. */
export interface Mutant {
  /** What it does, in the imperative. */
  readonly name: string;
  /** From the root of the project. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** What goes wrong by it. */
  readonly why: string;
}

/** Names the mutant of a process, as its loader reads it. */
export const MUTANT_VARIABLE = 'SIMULATION_MUTANT';

/** @throws when the place is not there, or there more than once: the code has moved on and the mutant with it. */
export function mutated(mutant: Mutant, source: string): string {
  const parts = source.split(mutant.find);
  if (parts.length !== 2) throw new Error(`the mutant "${mutant.name}" has ${parts.length - 1} places in ${mutant.file}, not one`);
  return parts.join(mutant.replace);
}
