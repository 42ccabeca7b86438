import { readFileSync } from 'node:fs';
import avsc from 'avsc';
import type { Schema, Type } from 'avsc';
import { describe, expect, it } from 'vitest';
import type { ContactChange, ContactHint } from './change.ts';
import type { ContactDecision, DeadLetter } from './decision.ts';
import { renderTopics } from './topics-doc.ts';
import { SCHEMA_NAMES, TOPICS, changeKey, changesTopic, hintKey, subjectName } from './topics.ts';
import type { SchemaName } from './topics.ts';
import { LANES } from './value.ts';

interface Field { readonly name: string; readonly type: unknown; readonly default?: unknown; readonly doc?: string }
interface RecordSchema { readonly name: string; readonly type: 'record'; readonly fields: readonly Field[]; readonly doc?: string }

function read(name: SchemaName): RecordSchema {
  return JSON.parse(readFileSync(new URL(`./${name}.avsc`, import.meta.url), 'utf8')) as RecordSchema;
}
function typeOf(schema: RecordSchema): Type {
  return avsc.Type.forSchema(schema as unknown as Schema, { omitRecordMethods: true });
}
/** Throws when a reader with the new schema cannot read what was written with the old one. */
function mustReadOld(old: RecordSchema, now: RecordSchema): void {
  typeOf(now).createResolver(typeOf(old));
}
function withField(schema: RecordSchema, field: Field): RecordSchema {
  return { ...schema, fields: [...schema.fields, field] };
}
function fieldsOf(type: unknown): Field[] {
  if (Array.isArray(type)) return type.flatMap(fieldsOf);
  if (typeof type !== 'object' || type === null) return [];
  const { fields, items, values, type: inner } = type as { fields?: Field[]; items?: unknown; values?: unknown; type?: unknown };
  return [...(fields ?? []).flatMap((field) => [field, ...fieldsOf(field.type)]), ...fieldsOf(items), ...fieldsOf(values), ...fieldsOf(typeof inner === 'object' ? inner : undefined)];
}

const CHANGE: ContactChange = {
  changeId: 'c1', tenantId: 't1', side: 'external', integrationId: 'hubspot-1', recordId: '42', kind: 'image', revision: '7',
  image: { cleared: null, on: true, size: 1.5, name: 'محمد 🙂', tags: ['a', 'b'], none: [] },
  fieldTimes: { name: { at: 1_790_000_000_000, actor: 'user:7' }, size: { at: 0, actor: null } },
  histories: { name: [{ value: 'x', at: 2, actor: null, ours: false }, { value: null, at: 1, actor: 'a', ours: null }] },
  modifiedAt: null, observedFrom: 1, observedTo: 2, readById: true, capture: 'read', references: { bevatel: 'b1' }, mergedIds: ['41'], mergedInto: null,
};
const HINT: ContactHint = {
  hintId: 'h1', tenantId: 't1', side: 'external', integrationId: 'hubspot-1', recordId: '42', lane: 'live', origin: 'webhook', event: 'changed',
  field: 'email', value: 'a@b.c', revision: null, occurredAt: 5, receivedAt: 6, mergedInto: null,
};
const DECISION: ContactDecision = {
  decisionId: 'd1', tenantId: 't1', integrationId: 'hubspot-1', linkId: 'l1', bevatelId: 'b1', externalId: null, causeId: 'c1', cause: 'change', side: 'bevatel',
  verdict: 'conflict_held', decidedAt: 9,
  groups: [{
    group: 'phone', verdict: 'conflict_held', rule: 'policy:manual', conflict: 'update_update_same_field', bevatel: ['+966501234567'], external: [null, ['x']],
    base: [['a'], [null]], writeTo: 'external', write: [true, 3], bevatelAt: 1, externalAt: 2, bevatelActor: 'p', externalActor: 'q',
    bevatelFrom: 0, externalFrom: 1, attempt: 'a1', sentAt: 8,
  }],
};
const LETTER: DeadLetter = {
  deadLetterId: 'x1', tenantId: null, integrationId: null, recordId: null, code: 'undecodable', stage: 'reconcile', topic: 'contact.changes.live',
  partition: 2, offset: '9007199254740993', key: Buffer.from('k'), bytes: Buffer.from([0, 255, 1]), deadAt: 3,
};
const SAMPLES: Record<SchemaName, object> = { 'contact-hint': HINT, 'contact-change': CHANGE, 'contact-decision': DECISION, 'dead-letter': LETTER };

describe.each(SCHEMA_NAMES)('%s.avsc', (name) => {
  const schema = read(name);

  it('carries every field of the type and brings it back as it was', () => {
    const type = typeOf(schema);
    expect(type.fromBuffer(type.toBuffer(SAMPLES[name]))).toEqual(SAMPLES[name]);
    expect(schema.fields.map((field) => field.name)).toEqual(expect.arrayContaining(Object.keys(SAMPLES[name])));
    expect(Object.keys(SAMPLES[name])).toEqual(expect.arrayContaining(schema.fields.map((field) => field.name)));
  });

  it('says of every field what it means', () => {
    expect(fieldsOf(schema).filter((field) => !field.doc).map((field) => field.name)).toEqual([]);
    expect(schema.doc).toBeTruthy();
  });

  it('may grow by a field with a default, and by no other', () => {
    mustReadOld(schema, withField(schema, { name: 'added', type: ['null', 'string'], default: null }));
    expect(() => mustReadOld(schema, withField(schema, { name: 'added', type: 'string' }))).toThrow();
  });

  it('may not change the type of a field', () => {
    const changed = { ...schema, fields: schema.fields.map((field, index) => (index === 0 ? { ...field, type: 'long' } : field)) };
    expect(() => mustReadOld(schema, changed)).toThrow();
  });
});

describe('an image in Avro', () => {
  it('keeps an absent field apart from a cleared one', () => {
    const type = typeOf(read('contact-change'));
    const { image } = type.fromBuffer(type.toBuffer({ ...CHANGE, image: { a: null } })) as ContactChange;
    expect(image).toEqual({ a: null });
    expect(Object.keys(image)).toEqual(['a']);
  });
});

describe('the table of topics', () => {
  it('is what docs/topics.md shows (npm run topics)', () => {
    expect(readFileSync(new URL('../docs/topics.md', import.meta.url), 'utf8')).toBe(renderTopics(TOPICS));
  });
  it('has one topic per lane, and a subject per topic', () => {
    const names = TOPICS.map((topic) => topic.name);
    expect(names).toEqual(expect.arrayContaining(LANES.map(changesTopic)));
    expect(new Set(names).size).toBe(names.length);
    expect(subjectName('p.', 'contact.hints')).toBe('p.contact.hints-value');
  });
  it('I11: makes keys of ids alone', () => {
    expect(changeKey(CHANGE)).toBe('t1/external/hubspot-1/42');
    expect(changeKey({ ...CHANGE, side: 'bevatel', integrationId: null })).toBe('t1/bevatel/-/42');
    expect(hintKey(HINT)).toBe('t1/hubspot-1/external/42');
  });
});
