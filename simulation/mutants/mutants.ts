/** Mistakes that somebody could make, and whose likes broke other synchronisations. Each must be found by simulation. */
import type { Mutant } from './mutant.ts';

export const MUTANTS: readonly Mutant[] = [];
