/**
 * `npm run bench -- [--only KEY] [--json] [--seconds N]`: the figures of the product, each beside its raw probe in the
 * same run. The last line is one JSON object. What the figures mean: docs/benchmarks.md.
 */
import { parseArgs } from 'node:util';
import { openStack } from '../deploy/local/choose-stack.ts';
import { benchCalls } from './calls.ts';
import { benchCdc } from './doors/cdc.ts';
import { benchWebhook } from './doors/webhook.ts';
import type { FigureOptions } from './figure.ts';
import { benchMemory } from './memory.ts';
import { benchReconcile } from './reconcile/figure.ts';
import { benchVisible } from './visible/figure.ts';

const FIGURES = {
  reconcile: benchReconcile,
  edit_to_visible_ms: benchVisible,
  calls_per_effective_edit: benchCalls,
  memory_mib: benchMemory,
  webhook: benchWebhook,
  cdc: benchCdc,
} satisfies Record<string, (options: FigureOptions) => Promise<object>>;
type Key = keyof typeof FIGURES;
const KEYS = Object.keys(FIGURES) as Key[];

interface Wish {
  readonly keys: readonly Key[];
  readonly isJson: boolean;
  readonly seconds: number | undefined;
}

function readWish(): Wish {
  const { values } = parseArgs({ options: { only: { type: 'string', multiple: true }, json: { type: 'boolean', default: false }, seconds: { type: 'string' } } });
  const unknown = (values.only ?? []).filter((key) => !KEYS.some((known) => known === key));
  if (unknown.length > 0) throw new Error(`--only ${unknown.join(', ')}: there is ${KEYS.join(', ')}`);
  const seconds = values.seconds === undefined ? undefined : Number(values.seconds);
  if (seconds !== undefined && !(seconds > 0)) throw new Error('--seconds needs a number above 0');
  return { keys: values.only === undefined ? KEYS : KEYS.filter((key) => values.only?.includes(key)), isJson: values.json, seconds };
}

async function main({ keys, isJson, seconds }: Wish): Promise<void> {
  // With --json everything but the last line goes where a pipe does not see it.
  const say = (line: string): void => { (isJson ? console.error : console.log)(line); };
  const stack = await openStack({ log: say });
  try {
    const figures: Partial<Record<Key, object>> = {};
    for (const key of keys) {
      const begun = performance.now();
      figures[key] = await FIGURES[key]({ urls: stack.urls, say, seconds });
      say(`${key}: ${JSON.stringify(figures[key])} (${Math.round((performance.now() - begun) / 1_000)} s)`);
    }
    console.log(JSON.stringify(figures));
  } finally {
    await stack.stop();
  }
}

try {
  await main(readWish());
} catch (error) {
  console.error(error instanceof Error && error.cause === undefined ? error.message : error);
  process.exitCode = 1;
}
