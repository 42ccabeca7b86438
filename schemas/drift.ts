/** Kinds of drift between two sides that verify finds and repair mends (domain/drift.ts says what each is). */
export const DRIFT_KINDS = ['unseen', 'gone', 'stray', 'unlinked', 'differing'] as const;
export type Drift = (typeof DRIFT_KINDS)[number];
