import { describe, expect, test } from 'vitest';
import type { ContactChange } from '../../../schemas/change.ts';
import type { ChangeMessage } from './contact-publisher.ts';
import { createContactPublisher } from './contact-publisher.ts';
import type { PublishedContact } from './published-contact.ts';

function harness() {
  const sent: ChangeMessage[] = [];
  const publisher = createContactPublisher({
    encode: (change) => Buffer.from(JSON.stringify(change)),
    send: async (messages) => { sent.push(...messages); },
    topicPrefix: 'p.', clock: () => 1_000, newId: () => `id-${sent.length}`,
  });
  const changes = () => sent.map(({ value }) => JSON.parse(value.toString()) as ContactChange);
  return { publisher, sent, changes };
}

const contact: PublishedContact = {
  id: 'c_1', version: 7, fields: { email: 'l@x.co', phone_number: 'not a number', owner: null, custom: { tier: 'gold' } },
  changed: ['email', 'custom.tier'], updated_at: '2026-01-01T12:00:00.000+03:00', updated_by: 'user:ali',
  external_references: { 'hs-1': '77' },
};

test('a contact becomes a full image at its version, keyed by ids alone', async () => {
  const { publisher, sent, changes } = harness();
  await publisher.publish('acme', [contact], 'backfill');
  const time = { at: Date.parse('2026-01-01T09:00:00Z'), actor: 'user:ali' };
  expect(sent.map(({ topic, key }) => [topic, key])).toEqual([['p.contact.changes.backfill', 'acme/bevatel/-/c_1']]);
  expect(changes()).toEqual([{
    changeId: 'id-0', tenantId: 'acme', side: 'bevatel', integrationId: null, recordId: 'c_1', kind: 'image', revision: '7',
    image: { email: 'l@x.co', phone_number: 'not a number', owner: null, 'custom.tier': 'gold' },
    fieldTimes: { email: time, 'custom.tier': time }, histories: {}, modifiedAt: time.at, observedFrom: 1_000, observedTo: 1_000,
    readById: false, capture: 'publish', references: { 'hs-1': '77' }, mergedIds: [], mergedInto: null,
  }]);
});

describe('ends carry nothing personal', () => {
  test.each(['deleted', 'erased'] as const)('%s', async (kind) => {
    const { publisher, changes } = harness();
    await publisher.publish('acme', [{ ...contact, kind }]);
    expect(changes()).toMatchObject([{ kind, revision: '7', image: {}, fieldTimes: {}, references: {} }]);
  });

  test('a merge names its survivor', async () => {
    const { publisher, changes } = harness();
    await publisher.publish('acme', [{ id: 'c_1', version: 8, kind: 'merged', merged_into: 'c_2' }]);
    expect(changes()).toMatchObject([{ kind: 'merged', mergedInto: 'c_2' }]);
  });
});

test('I5: without the changed fields their times are unknown', async () => {
  const { publisher, changes } = harness();
  const { changed: _, ...rest } = contact;
  await publisher.publish('acme', [rest]);
  expect(changes()).toMatchObject([{ fieldTimes: {} }]);
});

test('all faults of all contacts are named at once, without values, and nothing is published', async () => {
  const { publisher, sent } = harness();
  const faulty = [
    contact,
    { ...contact, version: 0, fields: { nickname: 'secret', email: { a: 1 } }, surprise: true },
    { id: '', version: 1, kind: 'merged', changed: ['email'] },
  ] as unknown as PublishedContact[];
  const error = await publisher.publish('acme', faulty).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'change_malformed' });
  const { facts, message } = error as { facts: { faults: { path: string }[] }; message: string };
  expect(facts.faults.map((fault) => fault.path)).toEqual(expect.arrayContaining([
    '1.version', '1.fields.email', '1', '2.id',
  ]));
  expect(message).not.toContain('secret');
  expect(sent).toEqual([]);
});
