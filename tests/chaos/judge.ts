/**
 * The independent check: reads both systems, knows what people did there (the journal), and names every fault in words.
 * Of the service's own state it asks one thing only, which fields it holds for an operator.
 *
 * I1  both sides of a pair agree in every field, or the field is held.
 * I2  where one side's people edited a field, their last value stands on both sides; where both did, one of the two last
 *     values stands, the later one if the order is beyond doubt; where it is held, no last value is gone: it stands on a
 *     side, or an operator is shown what was overwritten.
 * I4  each contact has one partner, and none was made twice.
 */
import type { BothSides, Pair } from '../../deploy/demo/compare.ts';
import { compare, tiedPairs } from '../../deploy/demo/compare.ts';
import type { Value } from '../../schemas/value.ts';
import type { Flow } from '../flow/rig.ts';
import { INTEGRATION, TENANT } from '../flow/rig.ts';
import { FIELDS } from './load.ts';
import type { Edit, Load } from './load.ts';

export interface Judgement {
  readonly faults: readonly string[];
  readonly pairs: number;
  /** Fields that are held. */
  readonly held: number;
}

/** Held fields, as `contact field`, with what was overwritten there. */
type Held = ReadonlyMap<string, readonly Value[]>;

/** Beyond it the order of two edits is beyond doubt: the integration's tolerance (2 s), and as much again for the clocks' readings. */
const IN_ORDER_MS = 4_000;

/** `people`: how many there were before the load; each must be one contact on each side in the end. */
export async function judge(flow: Flow, load: Load, people: number): Promise<Judgement> {
  const both = await readBothSides(flow);
  const pairs = tiedPairs(both);
  const held = await heldFields(flow);
  const { untied, twice } = compare(both);
  const expected = people + load.created;
  const faults = [
    ...(both.bevatel.length === expected ? [] : [`I4: Bevatel has ${both.bevatel.length} contacts, not ${expected}`]),
    ...(both.hubspot.length === expected ? [] : [`I4: HubSpot has ${both.hubspot.length} contacts, not ${expected}`]),
    ...(untied === 0 ? [] : [`I4: ${untied} records without their partner`]),
    ...(twice === 0 ? [] : [`I4: ${twice} records stand twice`]),
    ...held.otherwise,
    ...pairs.flatMap((pair) => faultsOf(pair, load, held.fields)),
  ];
  return { faults, pairs: pairs.length, held: held.fields.size };
}

async function readBothSides(flow: Flow): Promise<BothSides> {
  const rows = await flow.bevatel.control.sql<Readonly<Record<string, string | null>> & { id: string; version: number }>(
    `select id, version, contact_first_name, contact_last_name, phone_number, email, company_name, external_references->>$2 as reference
     from contacts where tenant_id = $1 and deleted_at is null order by id`, [TENANT, INTEGRATION]);
  const bevatel = rows.map(({ id, version, reference, ...fields }) => ({ id, version, fields: fields as Readonly<Record<string, string | null>>, reference: reference ?? null }));
  const hubspot = flow.hubspot.control.contacts().map(({ id, properties }) => ({ id, properties, reference: properties['bevatel_contact_id'] ?? null }));
  return { bevatel, hubspot };
}

async function heldFields(flow: Flow): Promise<{ readonly fields: Held; readonly otherwise: readonly string[] }> {
  const links = await flow.links();
  const fields = links.flatMap((link) => Object.entries(link.state.groups).flatMap(([group, state]) => (state.held ? [[`${link.bevatelId ?? ''} ${group}`, state.held.overwritten ?? []] as const] : [])));
  const otherwise = links.flatMap((link) => (link.state.hold ? [`link ${link.linkId} is held: ${link.state.hold.kind}`] : []));
  return { fields: new Map(fields), otherwise };
}

function faultsOf(pair: Pair, load: Load, held: Held): string[] {
  return FIELDS.flatMap((field) => {
    const values = [pair.bevatel.fields[field.bevatel] ?? '', pair.hubspot.properties[field.external] ?? ''] as const;
    const edits = [load.lastEdit('bevatel', pair.bevatel.id, field), load.lastEdit('external', pair.hubspot.id, field)] as const;
    const fault = faultOf(values, edits, held.get(`${pair.bevatel.id} ${field.bevatel}`));
    return fault === null ? [] : [`${fault}: ${field.bevatel} of ${pair.bevatel.id} and ${pair.hubspot.id} is ${JSON.stringify(values)} after ${JSON.stringify(edits)}`];
  });
}

type Two<T> = readonly [bevatel: T, hubspot: T];

function faultOf([bevatel, hubspot]: Two<string>, [ours, theirs]: Two<Edit | undefined>, held: readonly Value[] | undefined): string | null {
  if (held) {
    if (!ours || !theirs) return 'I2: held, though one side alone edited it';
    return [ours, theirs].every(({ value }) => [bevatel, hubspot, ...held].includes(value)) ? null : 'I2: held, and a last edit is gone';
  }
  if (bevatel !== hubspot) return 'I1: the sides differ';
  const last = [ours, theirs].flatMap((edit) => (edit ? [edit] : []));
  if (last.length === 0) return null;
  const standing = last.find(({ value }) => value === bevatel);
  if (!standing) return 'I2: a last edit is gone';
  return last.some((other) => other.from - standing.to > IN_ORDER_MS) ? 'I2: the earlier edit won' : null;
}
