import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { isolatedStack } from '../../tests/stack/fixture.ts';
import { SyncError } from '../../schemas/errors.ts';
import type { CaptureRole } from './main.ts';
import { TENANT, openRig } from './testing/rig.ts';
import type { Rig } from './testing/rig.ts';

const stack = await isolatedStack('capture-cdc');
const PATIENT = { timeout: 30_000, interval: 20 };
const cdcName = `cap_${stack.topicPrefix.replace(/[^a-z0-9]/g, '_')}`.slice(0, 60);
let rig: Rig;
let capture: CaptureRole;
let first: readonly string[];

function start(replaced: Parameters<Rig['start']>[2] = {}): Promise<CaptureRole> {
  return rig.start({ cdcUrl: rig.bevatelUrl, cdcName }, {}, replaced);
}
function versions(id: string): string[] {
  return rig.changes('live').filter(({ recordId }) => recordId === id).map(({ revision }) => revision ?? '');
}

beforeAll(async () => {
  rig = await openRig(stack);
  first = await rig.bevatel.control.seed(TENANT, [{ fields: { contact_first_name: 'Before' } }, { fields: { contact_first_name: 'Too' } }]);
  capture = await start();
});
afterAll(async () => {
  await rig.close();
});

describe('Bevatel by replication', () => {
  it('shows what was there in a snapshot on the backfill lane, once', async () => {
    await vi.waitFor(() => expect(rig.changes('backfill').map(({ recordId }) => recordId).toSorted()).toEqual([...first].toSorted()), PATIENT);
    expect(rig.changes('backfill')[0]).toMatchObject({ side: 'bevatel', integrationId: null, capture: 'snapshot', revision: '1', tenantId: TENANT });
  });

  it('shows each committed edit on the live lane with the version of its row', async () => {
    const [id = ''] = first;
    await rig.bevatel.control.sql("update contacts set contact_first_name = 'After' where id = $1", [id]);
    await vi.waitFor(() => expect(rig.changes('live').find(({ recordId }) => recordId === id)).toMatchObject({ capture: 'cdc', revision: '2', image: { contact_first_name: 'After' } }), PATIENT);
  });

  it('I7: a restart goes on at the confirmed position: nothing is missing, and no snapshot is read again', async () => {
    const [id = ''] = first;
    await capture.stop();
    for (let count = 0; count < 5; count += 1) await rig.bevatel.control.sql('update contacts set contact_last_name = $2 where id = $1', [id, `while away ${count}`]);
    const snapshotted = rig.changes('backfill').length;
    capture = await start();
    await vi.waitFor(() => expect(versions(id)).toEqual(expect.arrayContaining(['2', '3', '4', '5', '6', '7'])), PATIENT);
    expect([rig.changes('backfill').length, rig.changes('repair').length]).toEqual([snapshotted, 0]);
  });

  it('I7: what Kafka did not acknowledge is not confirmed to Postgres, and comes again', async () => {
    const id = first[1] ?? '';
    await capture.stop();
    let refused = 0;
    const kafka = { ...rig.deps.kafka, publisher: () => ({ publish: () => { refused += 1; return Promise.reject(new SyncError('kafka_unavailable', 'no broker')); }, queued: () => 0, close: () => Promise.resolve() }) };
    const broken = await start({ kafka });
    await rig.bevatel.control.sql("update contacts set contact_last_name = 'held' where id = $1", [id]);
    await vi.waitFor(() => expect(refused).toBeGreaterThan(1), PATIENT);
    expect(versions(id)).toEqual([]);
    await broken.stop();
    capture = await start();
    await vi.waitFor(() => expect(versions(id)).toContain('2'), PATIENT);
  });

  it('a second process stands by, and takes over when the first one ends', async () => {
    const [id = ''] = first;
    const standby = await start();
    await rig.bevatel.control.sql("update contacts set contact_last_name = 'one' where id = $1", [id]);
    await vi.waitFor(() => expect(versions(id)).toContain('8'), PATIENT);
    await capture.stop();
    await rig.bevatel.control.sql("update contacts set contact_last_name = 'two' where id = $1", [id]);
    await vi.waitFor(() => expect(versions(id)).toContain('9'), PATIENT);
    expect(versions(id).filter((version) => version === '8' || version === '9')).toEqual(['8', '9']);
    await standby.stop();
  });

  it('a lost slot means a new snapshot in the repair lane, and edits go on', async () => {
    const [id = ''] = first;
    await rig.bevatel.control.sql("select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and active_pid is null", [cdcName]);
    await rig.bevatel.control.sql("update contacts set contact_last_name = 'in no stream' where id = $1", [id]);
    capture = await start();
    await vi.waitFor(() => expect(rig.changes('repair').find(({ recordId }) => recordId === id)).toMatchObject({ capture: 'snapshot', image: { contact_last_name: 'in no stream' } }), PATIENT);
    await rig.bevatel.control.sql("update contacts set contact_last_name = 'again' where id = $1", [id]);
    await vi.waitFor(() => expect(rig.changes('live').findLast(({ recordId }) => recordId === id)?.image['contact_last_name']).toBe('again'), PATIENT);
    await capture.stop();
    await rig.bevatel.control.sql('select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1', [cdcName]);
  });
});
