/** A site of the real stack for a test file (simulation/chaos): closed after it. */
import { afterAll } from 'vitest';
import { randomOf } from '../../simulation/engine/random.ts';
import type { Random } from '../../simulation/engine/random.ts';
import { People } from '../../simulation/chaos/people.ts';
import { isFollowed } from '../../simulation/chaos/rest.ts';
import { openSite } from '../../simulation/chaos/site.ts';
import type { Site } from '../../simulation/chaos/site.ts';
import { until } from '../../simulation/chaos/until.ts';
import { chaosSeed } from './seed.ts';
import type { StackUrls } from '../../deploy/local/stack.ts';

const PATIENCE_MS = 90_000;

/** Populated, and no role started. Call it at the top of the file. */
export async function populatedSite(urls: StackUrls, name: string, people: number): Promise<{ readonly site: Site; readonly people: People }> {
  const seed = chaosSeed();
  const random = (purpose: string): Random => randomOf(seed, purpose);
  const site = await openSite(urls, name, random('site'));
  afterAll(() => site.close());
  const crowd = new People(site, random('people'));
  await crowd.populate(people);
  return { site, people: crowd };
}

/** Resolves when they run and Bevatel is followed; what happens before shows in its listing alone. */
export async function startRoles(site: Site): Promise<void> {
  await Promise.all(Object.values(site.roles).map((role) => role.start()));
  await until('Bevatel is followed', () => isFollowed(site), PATIENCE_MS);
}
