/** The code cannot move on without its mutants. */
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mutated } from './mutant.ts';
import { MUTANTS } from './mutants.ts';

describe('mutants', () => {
  it.each(MUTANTS)('$name: one place in $file, and still a module', (mutant) => {
    const source = readFileSync(join(import.meta.dirname, '../..', mutant.file), 'utf8');
    expect(mutated(mutant, source)).not.toBe(source);
    expect(() => stripTypeScriptTypes(mutated(mutant, source))).not.toThrow();
  });

  it('have names of their own', () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  });

  it.each([['nothing'], ['twice twice']])('that have no place or several are refused (%s)', (source) => {
    expect(() => mutated({ name: 'm', file: 'f', find: 'twice', replace: 'once', why: '' }, source)).toThrow(/places in f, not one/);
  });
});
