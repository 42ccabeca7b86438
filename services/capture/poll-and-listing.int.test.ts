import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { PollPage } from '../../connectors/connector.ts';
import { isolatedStack } from '../../tests/stack/fixture.ts';
import { beginAnew, readListing } from '../../store/listings.ts';
import { readIntegration, setPaused } from '../../store/integrations.ts';
import { sleep } from '../../runtime/sleep.ts';
import { readWatermark } from '../../store/watermarks.ts';
import { pollOnce } from './poll.ts';
import type { PollOptions } from './poll.ts';
import { INTEGRATION, TENANT, openRig } from './testing/rig.ts';
import type { Received, Rig } from './testing/rig.ts';

const stack = await isolatedStack('capture-poll');
const PATIENT = { timeout: 20_000, interval: 20 };
const KEY = { tenantId: TENANT, integrationId: INTEGRATION };
let rig: Rig;
let seeded: { readonly external: readonly string[]; readonly bevatel: readonly string[] };

beforeAll(async () => {
  rig = await openRig(stack);
  seeded = {
    external: rig.hubspot.control.seed(Array.from({ length: 250 }, (_, index) => ({ firstname: `H${index}`, email: `h${index}@example.test` }))),
    bevatel: await rig.bevatel.control.seed(TENANT, Array.from({ length: 450 }, (_, index) => ({ fields: { contact_first_name: `B${index}`, custom: { job_title: 'x' } } }))),
  };
  await rig.apply({ poll: { everyMs: 100 } });
  await rig.start();
});
afterAll(async () => {
  await rig.close();
});

function marksOf(changes: readonly Received[], side: string): Received[] {
  return changes.filter((change) => change.kind === 'listingEnded' && change.side === side);
}

describe('the first listing', () => {
  it('shows every record of both sides in the backfill lane, in the very names of its system', async () => {
    await vi.waitFor(() => expect(marksOf(rig.changes('backfill'), 'external').length + marksOf(rig.changes('backfill'), 'bevatel').length).toBe(6), PATIENT);
    const images = rig.changes('backfill').filter(({ kind }) => kind === 'image');
    expect(new Set(images.filter(({ side }) => side === 'external').map(({ recordId }) => recordId))).toEqual(new Set(seeded.external));
    expect(new Set(images.filter(({ side }) => side === 'bevatel').map(({ recordId }) => recordId))).toEqual(new Set(seeded.bevatel));
    expect(images.find(({ recordId }) => recordId === seeded.external[7])).toMatchObject({ integrationId: INTEGRATION, capture: 'listing', readById: false, image: { firstname: 'H7', email: 'h7@example.test', jobtitle: null } });
    expect(images.find(({ recordId }) => recordId === seeded.bevatel[7])).toMatchObject({ integrationId: null, revision: '1', image: { contact_first_name: 'B7', 'custom.job_title': 'x', email: null, tags: null } });
  });

  it.each(['external', 'bevatel'])('ends with a mark in every partition, behind all records of side %s', async (side) => {
    const changes = rig.changes('backfill');
    const marks = marksOf(changes, side);
    expect(marks.map(({ partition }) => partition).toSorted()).toEqual([0, 1, 2]);
    const listing = await readListing(rig.deps.pool, { ...KEY, side: side === 'external' ? 'external' : 'bevatel' });
    for (const mark of marks) {
      expect(mark).toMatchObject({ integrationId: INTEGRATION, tenantId: TENANT, image: { partitions: 3 }, recordId: listing?.listingId });
      const after = changes.slice(changes.indexOf(mark)).filter((change) => change.partition === mark.partition && change.side === side && change.kind === 'image');
      expect(after).toEqual([]);
    }
    await vi.waitFor(async () => expect((await readListing(rig.deps.pool, { ...KEY, side: side === 'external' ? 'external' : 'bevatel' }))?.listedAt).not.toBeNull(), PATIENT);
    expect((await readListing(rig.deps.pool, { ...KEY, side: side === 'external' ? 'external' : 'bevatel' }))?.records).toBe(side === 'external' ? 250 : 450);
    expect(await rig.metric('capture_listing_records', { side })).toBe(side === 'external' ? 250 : 450);
  });

  it('begun anew it goes through the repair lane', async () => {
    await beginAnew(rig.deps.pool, { ...KEY, side: 'external' }, 'repair:again', Date.now());
    await vi.waitFor(() => expect(marksOf(rig.changes('repair'), 'external')).toHaveLength(3), PATIENT);
    expect(marksOf(rig.changes('repair'), 'external').map(({ recordId }) => recordId)).toEqual(['repair:again', 'repair:again', 'repair:again']);
    expect(new Set(rig.changes('repair').filter(({ capture, kind }) => capture === 'listing' && kind === 'image').map(({ recordId }) => recordId))).toEqual(new Set(seeded.external));
  });
});

describe('polling', () => {
  it('I2: an edit whose webhook was lost is found by the poll and read, in the repair lane because the system pushes', async () => {
    const [id = ''] = seeded.external;
    rig.hubspot.control.configureWebhooks({ targetUrl: null });
    rig.hubspot.control.edit(id, { firstname: 'Lost and found' });
    await vi.waitFor(() => expect(rig.changes('repair').findLast((change) => change.recordId === id)).toMatchObject({ capture: 'read', image: { firstname: 'Lost and found' } }), PATIENT);
    expect((await readIntegration(rig.deps.pool, KEY))?.lastSuccessAt).not.toBeNull();
  });

  it('stops while the integration is paused, and finds what happened meanwhile when it is resumed', async () => {
    const id = seeded.external[1] ?? '';
    await setPaused(rig.deps.pool, KEY, true);
    await vi.waitFor(async () => {
      const before = rig.hubspot.control.counts()['contacts.search'];
      await new Promise((resolve) => setTimeout(resolve, 400));
      expect(rig.hubspot.control.counts()['contacts.search']).toBe(before);
    }, { timeout: 20_000, interval: 50 });
    rig.hubspot.control.edit(id, { firstname: 'While paused' });
    await setPaused(rig.deps.pool, KEY, false);
    await vi.waitFor(() => expect(rig.changes('repair').findLast((change) => change.recordId === id)?.image['firstname']).toBe('While paused'), PATIENT);
  });

  it('a page that promises more without moving on is an error, and the watermark stays', async () => {
    const stuck: PollPage = { changed: [], next: { fromMs: 1 }, more: true };
    const key = { tenantId: TENANT, integrationId: 'stuck', side: 'external' as const };
    const options = {
      ...rig.deps, codec: rig.deps.codec.hints, topicPrefix: stack.topicPrefix, publisher: { publish: () => Promise.resolve(), queued: () => 0, close: () => Promise.resolve() },
      integration: { tenantId: TENANT, integrationId: 'stuck', pushes: () => true, connector: () => ({ changedSince: () => Promise.resolve(stuck) }) },
      onPolled: () => undefined, timeoutMs: 1_000, sleep, signal: new AbortController().signal,
    } as unknown as PollOptions;
    await expect(pollOnce(options)).rejects.toMatchObject({ code: 'unexpected_answer' });
    expect((await readWatermark(rig.deps.pool, key))?.position).toEqual({ fromMs: 1 });
  });

  it('I7: the watermark stays where it is when the hints did not land', async () => {
    const page: PollPage = { changed: [{ id: '1', revision: '2', modifiedAt: 3 }], next: { fromMs: 9 }, more: false };
    const options = {
      ...rig.deps, codec: rig.deps.codec.hints, topicPrefix: stack.topicPrefix, publisher: { publish: () => Promise.reject(new Error('no broker')), queued: () => 0, close: () => Promise.resolve() },
      integration: { tenantId: TENANT, integrationId: 'unlanded', pushes: () => true, connector: () => ({ changedSince: () => Promise.resolve(page) }) },
      onPolled: () => undefined, timeoutMs: 1_000, sleep, signal: new AbortController().signal,
    } as unknown as PollOptions;
    await expect(pollOnce(options)).rejects.toThrow('no broker');
    expect(await readWatermark(rig.deps.pool, { tenantId: TENANT, integrationId: 'unlanded', side: 'external' })).toBeNull();
  });
});
