/** A few rounds of `npm run chaos`: the product's processes are killed and misled under load, and the oracle judges. */
import { afterAll, expect, it } from 'vitest';
import { campaign } from '../../simulation/chaos/campaign.ts';
import type { Site } from '../../simulation/chaos/site.ts';
import { isGood } from '../../simulation/chaos/tally.ts';
import { stackUrls } from '../stack/fixture.ts';
import { chaosSeed } from './seed.ts';

const ROUNDS = 3;

let site: Promise<Site> | undefined;
// Closed by the campaign itself, unless the time of the test is up.
afterAll(async () => (await site)?.close());

it('I1–I7: capture, reconcile and deliver are killed while both systems misbehave: nothing is lost, nothing made twice, and then all is quiet', async () => {
  const lines: string[] = [];
  const say = (line: string): void => { lines.push(line); };
  const totals = await campaign({ urls: stackUrls(), rounds: ROUNDS, seed: chaosSeed(), say, onSite: (opening) => { site = opening; } });
  console.log(`chaos: ${JSON.stringify(totals)}`);
  expect(isGood(totals), lines.join('\n')).toBe(true);
  expect(totals).toMatchObject({ rounds: ROUNDS });
  expect(totals.edits).toBeGreaterThan(20);
}, 480_000);
