/**
 * The directions of dependencies (see docs/architecture), each proven by a snippet that the linter must refuse
 * and, beside it, one that it must let pass. Snippets are linted in place of files of this repository, so that
 * the configuration is the one that `npm run lint` uses.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { ESLint } from 'eslint';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const eslint = new ESLint({
  cwd: ROOT,
  // Snippets are in no tsconfig, so the rules that need types are left out here.
  overrideConfig: { languageOptions: { parserOptions: { projectService: false } } },
  ruleFilter: ({ ruleId }) => ruleId.startsWith('boundaries/') || ruleId.startsWith('no-restricted-') || ruleId === '@typescript-eslint/no-explicit-any',
});

/** Complaints of the linter about `code` as the content of `file`. */
async function complaints(file: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath: join(ROOT, file) });
  return (result?.messages ?? []).map(({ ruleId, message }) => `${ruleId}: ${message}`);
}

/** An import of some file that is really there in `folder`: the linter looks at the file, not at the words. */
function importOf(folder: string, from: string): string {
  const [target] = globSync(`${folder}/**/*.ts`, { cwd: ROOT, exclude: (name) => name.endsWith('.test.ts') || name.endsWith('main.ts') }).sort();
  if (target === undefined) throw new Error(`${folder} holds no file to import`);
  const path = relative(join(ROOT, from, '..'), join(ROOT, target));
  return `import * as other from '${path.startsWith('.') ? path : `./${path}`}';\nexport const it = other;\n`;
}

const FORBIDDEN: readonly [from: string, folder: string][] = [
  ['schemas/snippet.ts', 'domain'],
  ['schemas/snippet.ts', 'runtime'],
  ['domain/snippet.ts', 'store'],
  ['domain/snippet.ts', 'runtime'],
  ['domain/snippet.ts', 'connectors'],
  ['connectors/hubspot/snippet.ts', 'domain'],
  ['connectors/hubspot/snippet.ts', 'runtime'],
  ['connectors/hubspot/snippet.ts', 'store'],
  ['runtime/snippet.ts', 'domain'],
  ['runtime/snippet.ts', 'store'],
  ['store/snippet.ts', 'connectors'],
  ['store/snippet.ts', 'services'],
  ['services/reconcile/snippet.ts', 'connectors'],
  ['services/reconcile/snippet.ts', 'services/deliver'],
  ['services/deliver/snippet.ts', 'services/capture'],
  ['services/capture/snippet.ts', 'services/reconcile'],
  ['services/operate/snippet.ts', 'services/deliver'],
  ['services/capture/snippet.ts', 'deploy'],
];

const ALLOWED: readonly [from: string, folder: string][] = [
  ['domain/snippet.ts', 'schemas'],
  ['connectors/hubspot/snippet.ts', 'schemas'],
  ['connectors/hubspot/snippet.ts', 'connectors/bevatel'],
  ['runtime/snippet.ts', 'schemas'],
  ['store/snippet.ts', 'domain'],
  ['store/snippet.ts', 'runtime'],
  ['services/reconcile/snippet.ts', 'store'],
  ['services/capture/snippet.ts', 'connectors'],
  ['services/deliver/snippet.ts', 'connectors'],
  ['services/deliver/snippet.ts', 'services/deliver'],
];

describe('folders import in one direction', () => {
  it.each(FORBIDDEN)('%s may not import from %s', async (from, folder) => {
    expect(await complaints(from, importOf(folder, from))).toEqual([expect.stringMatching(/^boundaries\/dependencies: /)]);
  });

  it.each(ALLOWED)('%s may import from %s', async (from, folder) => {
    expect(await complaints(from, importOf(folder, from))).toEqual([]);
  });

  it('sees imports of types, re-exports and dynamic imports too', async () => {
    const target = /'(.*)'/.exec(importOf('runtime', 'domain/snippet.ts'))?.[1] ?? '';
    for (const code of [`import type { a } from '${target}';`, `export { a } from '${target}';`, `await import('${target}');`]) {
      expect(await complaints('domain/snippet.ts', code)).toEqual([expect.stringMatching(/^boundaries\/dependencies: /)]);
    }
  });
});

describe('entry points', () => {
  it('main.ts may wire connectors into a service that may not know them, but no other service', async () => {
    expect(await complaints('services/reconcile/main.ts', importOf('connectors', 'services/reconcile/main.ts'))).toEqual([]);
    expect(await complaints('services/reconcile/main.ts', importOf('services/deliver', 'services/reconcile/main.ts'))).toHaveLength(1);
  });

  it('services/all.ts knows the services by their main.ts alone', async () => {
    expect(await complaints('services/all.ts', "import '../services/operate/main.ts';")).toEqual([]);
    expect(await complaints('services/all.ts', "import './deliver/lease.ts';")).toEqual([expect.stringContaining('main.ts alone')]);
  });
});

describe('one place for each thing from outside', () => {
  it('only runtime/kafka*.ts imports the Kafka client', async () => {
    const code = "import { Kafka } from 'kafkajs';\nexport const kafka = Kafka;\n";
    for (const file of ['store/snippet.ts', 'services/capture/snippet.ts', 'runtime/snippet.ts', 'connectors/bevatel/snippet.ts', 'domain/snippet.ts']) {
      expect(await complaints(file, code)).toContainEqual(expect.stringContaining('imports the Kafka client'));
    }
    expect(await complaints('runtime/kafka-snippet.ts', code)).toEqual([]);
  });

  it('I12: domain imports nothing that could do I/O, and has no clock and no randomness', async () => {
    for (const code of ["import 'node:fs';", "import 'pg';", "import 'zod';", 'fetch("");', 'Date.now();', 'Math.random();', 'setTimeout(() => {}, 1);', 'Temporal.Now.instant();']) {
      expect(await complaints('domain/snippet.ts', code), code).toHaveLength(1);
    }
    expect(await complaints('domain/snippet.ts', "import { parsePhoneNumber } from 'libphonenumber-js';\nexport const it = parsePhoneNumber;")).toEqual([]);
  });

  it('only entry points read the environment', async () => {
    const code = "export const url = process.env['DATABASE_URL'];\n";
    for (const file of ['store/snippet.ts', 'runtime/snippet.ts', 'services/capture/snippet.ts', 'connectors/hubspot/snippet.ts']) {
      expect(await complaints(file, code)).toHaveLength(1);
      expect(await complaints(file, "import { env } from 'node:process';\nexport const it = env;")).toHaveLength(1);
    }
    for (const file of ['services/capture/main.ts', 'bin/snippet.ts', 'deploy/local/snippet.ts']) {
      expect(await complaints(file, code)).toEqual([]);
    }
  });
});

describe('shape of the code', () => {
  it('has no cycles of imports', () => {
    const files = globSync('{bin,schemas,domain,connectors,store,services,runtime,migrations,deploy,bench}/**/*.ts', { cwd: ROOT });
    const imports = new Map(files.map((file) => [join(ROOT, file), importsOf(join(ROOT, file))]));
    expect(cyclesIn(imports).map((cycle) => cycle.map((file) => relative(ROOT, file)).join(' → '))).toEqual([]);
  });

  it('the search for cycles finds one', () => {
    const imports = new Map([['a', ['b']], ['b', ['c', 'd']], ['c', []], ['d', ['b']]]);
    expect(cyclesIn(imports)).toEqual([['b', 'd', 'b']]);
  });

  it('has no barrels and no any', async () => {
    expect(await complaints('store/snippet.ts', "export * from './links.ts';")).toEqual([expect.stringContaining('No barrels')]);
    expect(await complaints('store/snippet.ts', 'export const it: any = 1;')).toEqual([expect.stringContaining('no-explicit-any')]);
  });
});

/** Files that `file` imports at run time; imports of types alone bind nothing and may go in circles. */
function importsOf(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest);
  return source.statements.flatMap((statement) => {
    if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) return [];
    const typeOnly = ts.isImportDeclaration(statement) ? statement.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword : statement.isTypeOnly;
    const target = statement.moduleSpecifier;
    if (typeOnly || target === undefined || !ts.isStringLiteral(target) || !target.text.startsWith('.')) return [];
    return [resolve(dirname(file), target.text)];
  });
}

function cyclesIn(imports: ReadonlyMap<string, readonly string[]>): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) cycles.push([...path.slice(start), file]);
    if (start >= 0 || done.has(file)) return;
    for (const next of imports.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of imports.keys()) visit(file, []);
  return cycles;
}
