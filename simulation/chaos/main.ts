/**
 * `npm run chaos -- [--rounds N] [--seed S] [--json]`: the product's processes on the real stack, killed and misled while
 * people work on both sides, judged by the simulation's oracle (docs/simulation.md). The stack is the given one, or an
 * embedded one. With --json the last line is one object. Exits with 1 when a promise was broken.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openStack } from '../../deploy/local/choose-stack.ts';
import { LOCAL_DIR } from '../../deploy/local/embedded-stack.ts';
import { campaign } from './campaign.ts';
import type { Site } from './site.ts';
import { isGood } from './tally.ts';

interface Wish {
  readonly rounds: number;
  readonly seed: number;
  readonly isJson: boolean;
}

function readWish(): Wish {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, seed: { type: 'string' }, json: { type: 'boolean', default: false } } });
  const number = (name: 'rounds' | 'seed', least: number, otherwise: number): number => {
    const given = values[name] === undefined ? otherwise : Number(values[name]);
    if (!Number.isInteger(given) || given < least) throw new Error(`--${name} needs a whole number from ${least} on`);
    return given;
  };
  return { rounds: number('rounds', 1, 5), seed: number('seed', 0, randomInt(2 ** 31)), isJson: values.json };
}

async function main({ rounds, seed, isJson }: Wish): Promise<boolean> {
  // With --json everything but the last line goes where a pipe does not see it.
  const say = (line: string): void => { (isJson ? console.error : console.log)(line); };
  say(`seed ${seed}`);
  const dataDir = join(LOCAL_DIR, 'chaos', randomBytes(4).toString('hex'));
  const stack = await openStack({ dataDir, ephemeral: true, log: say });
  let site: Promise<Site> | undefined;
  let leaving: Promise<void> | undefined;
  const leave = (): Promise<void> => (leaving ??= (async () => {
    await site?.then((opened) => opened.close()).catch((error: unknown) => { console.error(error); });
    await stack.stop();
    await rm(dataDir, { recursive: true, force: true });
  })());
  const interruption = new AbortController();
  const interrupt = (): void => {
    interruption.abort();
    void leave().finally(() => process.exit(130));
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  try {
    const begun = performance.now();
    const totals = await campaign({ urls: stack.urls, rounds, seed, say, signal: interruption.signal, onSite: (opening) => { site = opening; } });
    const spent = Math.round((performance.now() - begun) / 1_000);
    console.log(JSON.stringify({ ...totals, seconds: spent, s_per_round: Math.round(10 * spent / totals.rounds) / 10 }, null, isJson ? 0 : 1));
    return isGood(totals);
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    return false;
  } finally {
    await leave();
  }
}

try {
  process.exitCode = (await main(readWish())) ? 0 : 1;
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
