import { describe, expect, test } from 'vitest';
import type { ContactChange } from '../../../schemas/change.ts';
import type { Contact } from '../contact-api.ts';
import type { ChangeMessage } from './contact-publisher.ts';
import { createContactPublisher } from './contact-publisher.ts';
import type { PublishedChange } from './published-change.ts';
import { publishedChangeOf } from './published-change.ts';

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

const contact: Contact = {
  id: 'c_1', version: 7,
  fields: {
    contact_first_name: 'ليلى', contact_last_name: null, phone_number: 'not a number', email: 'l@x.co', company_name: null,
    source_channel: null, crm_url: null, language: null, tags: ['vip'], consent: null, owner: null, custom: { tier: 'gold' },
  },
  external_references: { 'hs-1': '77' }, created_at: '2026-01-01T08:00:00.000Z', updated_at: '2026-01-01T09:00:00.000Z',
  updated_by: 'user:ali', deleted: false,
};
const AT = Date.parse(contact.updated_at);

test('a contact becomes a full image at its version, keyed by ids alone', async () => {
  const { publisher, sent, changes } = harness();
  await publisher.publish('acme', [publishedChangeOf(contact, ['email', 'custom.tier'])], 'backfill');
  const time = { at: AT, actor: 'user:ali' };
  const { custom: _, ...plain } = contact.fields;
  expect(sent.map(({ topic, key }) => [topic, key])).toEqual([['p.contact.changes.backfill', 'acme/bevatel/-/c_1']]);
  expect(changes()).toEqual([{
    changeId: 'id-0', tenantId: 'acme', side: 'bevatel', integrationId: null, recordId: 'c_1', kind: 'image', revision: '7',
    image: { ...plain, 'custom.tier': 'gold' },
    fieldTimes: { email: time, 'custom.tier': time }, histories: {}, modifiedAt: AT, observedFrom: 1_000, observedTo: 1_000,
    readById: false, capture: 'publish', references: { 'hs-1': '77' }, mergedIds: [], mergedInto: null,
  }]);
});

test('a custom attribute that this version removed is null', () => {
  expect(publishedChangeOf(contact, ['custom.score'])).toMatchObject({
    image: { 'custom.tier': 'gold', 'custom.score': null }, fieldTimes: { 'custom.score': { at: AT } },
  });
});

test('I5: without the changed fields their times are unknown', () => {
  expect(publishedChangeOf(contact).fieldTimes).toEqual({});
});

describe('ends carry nothing personal', () => {
  test.each(['deleted', 'erased'] as const)('%s', async (kind) => {
    const { publisher, changes } = harness();
    await publisher.publish('acme', [{ ...publishedChangeOf(contact, ['email']), kind }]);
    expect(changes()).toMatchObject([{ kind, revision: '7', image: {}, fieldTimes: {}, references: {} }]);
  });

  test('a deleted contact of the API is told as deleted, a merge names its survivor', async () => {
    const { publisher, changes } = harness();
    await publisher.publish('acme', [publishedChangeOf({ ...contact, deleted: true }), { recordId: 'c_1', revision: '8', kind: 'merged', mergedInto: 'c_2' }]);
    expect(changes()).toMatchObject([{ kind: 'deleted' }, { kind: 'merged', revision: '8', mergedInto: 'c_2' }]);
  });
});

test('all faults of all changes are named at once, without values, and nothing is published', async () => {
  const { publisher, sent } = harness();
  const faulty = [
    publishedChangeOf(contact),
    { recordId: '', revision: 'x1', image: { nickname: 'secret', email: { a: 1 } }, surprise: true },
    { recordId: 'c_2', revision: 1 },
    { recordId: 'c_3', revision: 1, kind: 'merged', fieldTimes: { email: { at: 1 } } },
  ] as unknown as PublishedChange[];
  const error = await publisher.publish('acme', faulty).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'change_malformed' });
  const { facts, message } = error as { facts: { faults: { path: string }[] }; message: string };
  expect(facts.faults.map((fault) => fault.path)).toEqual(expect.arrayContaining([
    '1.recordId', '1.revision', '1.image.email', '1', '2.image', '3.mergedInto', '3.fieldTimes.email',
  ]));
  expect(message).not.toContain('secret');
  expect(sent).toEqual([]);
});
