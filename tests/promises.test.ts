/**
 * The promises of the README are cited by tests, and the catalogue of errors is used and documented: a promise that no
 * test names, or a code that nobody throws or explains, fails here.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderErrors } from '../schemas/errors-doc.ts';
import { ERRORS } from '../schemas/errors.ts';

const ROOT = join(import.meta.dirname, '..');
const SOURCES = ['bin', 'connectors', 'deploy', 'domain', 'runtime', 'schemas', 'services', 'store'];

function read(pattern: string, isWanted: (file: string) => boolean): string {
  return globSync(pattern, { cwd: ROOT, exclude: ['node_modules', '.local'] }).filter(isWanted).map((file) => readFileSync(join(ROOT, file), 'utf8')).join('\n');
}

describe('invariants', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const titles = [...read('**/*.test.ts', (file) => !file.includes('node_modules')).matchAll(/\b(?:it|describe)(?:\.each\([\s\S]*?\))?\(\s*[`'"]([^\n]*)/g)].map((match) => match[1] ?? '').join('\n');

  it.each(Array.from({ length: 12 }, (_, index) => `I${index + 1}`))('%s is promised in the README and named by a test', (name) => {
    expect(readme).toMatch(new RegExp(`\\*\\*${name}\\*\\*`));
    expect(titles).toMatch(new RegExp(`\\b${name}\\b`));
  });
});

describe('catalogue of errors', () => {
  const used = SOURCES.map((folder) => read(`${folder}/**/*.ts`, (file) => !file.endsWith('.test.ts') && file !== 'schemas/errors.ts')).join('\n');
  it('docs/errors.md is what the catalogue says', () => {
    expect(readFileSync(join(ROOT, 'docs', 'errors.md'), 'utf8')).toBe(renderErrors());
  });

  it.each(Object.keys(ERRORS))('%s is thrown somewhere', (code) => {
    expect(used).toContain(`'${code}'`);
  });
});
