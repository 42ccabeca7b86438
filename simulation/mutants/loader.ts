/** Loaded before all others in a worker (`node --import`): hands out the mutated text of one module. */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MUTANT_VARIABLE, mutated } from './mutant.ts';
import { MUTANTS } from './mutants.ts';

const mutant = MUTANTS.find(({ name }) => name === process.env[MUTANT_VARIABLE]);
if (!mutant) throw new Error(`there is no mutant ${process.env[MUTANT_VARIABLE]}`);
const path = join(import.meta.dirname, '../..', mutant.file);
const place = pathToFileURL(path).href;
const source = mutated(mutant, readFileSync(path, 'utf8'));

registerHooks({
  load: (url, context, nextLoad) => (url === place ? { ...nextLoad(url, context), source } : nextLoad(url, context)),
});
