/** Renders docs/errors.md from the catalogue: `node schemas/errors-doc.ts`; a test fails when the file is out of date. */
import { writeFileSync } from 'node:fs';
import { ERRORS } from './errors.ts';
import type { ErrorClass } from './errors.ts';

const MEANING: Readonly<Record<ErrorClass, string>> = {
  retry: 'tried again by itself',
  reauthenticate: 'waits for a new credential',
  permanent: 'waits for a change by somebody',
  unknown_outcome: 'looked up before anything is written again',
};

export function renderErrors(): string {
  const rows = Object.entries(ERRORS).map(([code, { class: kind, advice }]) => `| \`${code}\` | ${MEANING[kind]} | ${advice} |`);
  return ['# Error codes', '', 'Rendered from `schemas/errors.ts`. Every error has one of these codes, in answers, logs, dead letters and the status.', '', '| code | what becomes of it | what to do |', '|---|---|---|', ...rows, ''].join('\n');
}

if (import.meta.main) writeFileSync(new URL('../docs/errors.md', import.meta.url), renderErrors());
