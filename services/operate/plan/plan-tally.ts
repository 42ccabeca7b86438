/** Decides planned pairs and lone records with the core itself, and counts what would come of them. */
import { NO_OWN_TIMES } from '../../../domain/context.ts';
import type { LinkContext } from '../../../domain/context.ts';
import { decideLink } from '../../../domain/decide-link.ts';
import { foldImage } from '../../../domain/fold.ts';
import { EMPTY_STATE, pick } from '../../../domain/link.ts';
import type { Link, Seen } from '../../../domain/link.ts';
import { recordImage } from '../../../domain/outcome.ts';
import type { Plan } from '../../../schemas/api.ts';
import type { GroupVerdict } from '../../../schemas/decision.ts';
import type { Integration } from '../../../schemas/integration.ts';
import type { RecordImage } from '../../../schemas/record.ts';
import { otherSide, SIDES } from '../../../schemas/value.ts';
import type { Side } from '../../../schemas/value.ts';
import { maskedList } from './mask.ts';

export interface PlanTally {
  records(side: Side, count: number): void;
  pair(bevatel: RecordImage, external: RecordImage, rule: string): void;
  alone(side: Side, record: RecordImage): void;
  several(external: RecordImage, bevatelIds: readonly string[], rule: string): void;
  shared(external: RecordImage, bevatelId: string, rule: string): void;
  plan(): Plan;
}

type Field = Plan['fields'][number];
type Counts = Record<string, number>;

const SAMPLES_PER_KIND = 5;

export function createPlanTally({ context, integration, now }: { readonly context: LinkContext; readonly integration: Integration; readonly now: number }): PlanTally {
  const fields = new Map<string, Field>(context.mapping.lenses.map(({ lens }) => [lens.name, {
    group: lens.name, equal: 0, fills: { bevatel: 0, external: 0 }, overwrites: { bevatel: 0, external: 0 }, held: 0, invalid: {}, skipped: {},
  }]));
  const count = { records: { bevatel: 0, external: 0 }, creates: { bevatel: 0, external: 0 }, updates: { bevatel: 0, external: 0 } };
  const matches: Counts = {};
  const notCreated: Counts = {};
  const samples: Plan['samples'] = [];
  let pairs = 0;
  let multiMatch = 0;
  let sharedMatch = 0;

  function sample(what: string, bevatelId: string | null, externalId: string | null, detail: string): void {
    if (samples.filter((one) => one.what === what).length < SAMPLES_PER_KIND) samples.push({ what, bevatelId, externalId, detail });
  }
  function seenOf(side: Side, record: RecordImage): Seen | undefined {
    const image = recordImage(record, side, integration.integration, { from: now, to: now, readById: true });
    return foldImage(undefined, image, context.capabilities[side], NO_OWN_TIMES, now).seen;
  }
  function decide(records: { readonly [S in Side]?: RecordImage }) {
    const link: Link = {
      tenantId: integration.tenant, integrationId: integration.integration, linkId: 'plan', erased: false,
      bevatelId: records.bevatel?.id ?? null, externalId: records.external?.id ?? null, state: EMPTY_STATE,
    };
    const seen: { [S in Side]?: Seen } = {};
    for (const side of SIDES) {
      const record = records[side];
      const folded = record && seenOf(side, record);
      if (folded) seen[side] = folded;
    }
    return decideLink({ ...link, state: { ...EMPTY_STATE, seen } }, context, now);
  }
  function invalidOf(side: Side, record: RecordImage): void {
    for (const { lens } of context.mapping.lenses) {
      const values = pick(record.values, lens.fields[side]);
      const form = values && values.length > 0 ? lens.canonical(side, values) : null;
      const field = fields.get(lens.name);
      if (!form || form.ok || !field) continue;
      add(field.invalid, `${side}:${form.reason}`);
      sample('invalid', side === 'bevatel' ? record.id : null, side === 'external' ? record.id : null, `${lens.name}: ${form.reason}: ${maskedList(values ?? [])}`);
    }
  }
  function group(verdict: GroupVerdict, ids: readonly [string, string]): void {
    const field = fields.get(verdict.group);
    if (!field) return;
    const detail = `${verdict.group}: ${maskedList(verdict.bevatel ?? [])} / ${maskedList(verdict.external ?? [])}: ${verdict.rule}`;
    if (verdict.verdict === 'converged' || verdict.verdict === 'unchanged') field.equal += 1;
    else if (verdict.verdict === 'conflict_held') {
      field.held += 1;
      sample('held', ...ids, detail);
    } else if (verdict.verdict === 'skipped') add(field.skipped, verdict.rule);
    else if (verdict.verdict === 'conflict_resolved' && verdict.writeTo) {
      field.overwrites[verdict.writeTo] += 1;
      sample('overwritten', ...ids, detail);
    } else if (verdict.writeTo) field.fills[verdict.writeTo] += 1;
  }
  return {
    records: (side, more) => { count.records[side] += more; },
    pair(bevatel, external, rule) {
      pairs += 1;
      add(matches, rule);
      const decided = decide({ bevatel, external });
      const told = new Set(decided.groups.map((one) => one.group));
      for (const verdict of decided.groups) group(verdict, [bevatel.id, external.id]);
      for (const [name, field] of fields) if (!told.has(name)) field.equal += 1;
      for (const side of SIDES) {
        const isWritten = decided.link.state.referenceDue?.includes(side) === true || decided.groups.some((one) => one.writeTo === side);
        if (isWritten) count.updates[side] += 1;
      }
      invalidOf('bevatel', bevatel);
      invalidOf('external', external);
      sample('match', bevatel.id, external.id, `by ${rule}`);
    },
    alone(side, record) {
      const decided = decide({ [side]: record });
      invalidOf(side, record);
      if (decided.link.state.create) {
        count.creates[decided.link.state.create] += 1;
        count.updates[side] += context.capabilities[side].uniqueReference ? 1 : 0;
      } else {
        const { hold } = decided.link.state;
        add(notCreated, hold && 'detail' in hold ? `${hold.kind}:${hold.detail}` : decided.groups[0]?.rule ?? `create_off:${otherSide(side)}`);
      }
    },
    several(external, bevatelIds, rule) {
      multiMatch += 1;
      sample('multi_match', bevatelIds.slice(0, 3).join(', '), external.id, `by ${rule}: ${bevatelIds.length} candidates`);
    },
    shared(external, bevatelId, rule) {
      sharedMatch += 1;
      this.alone('external', external);
      sample('shared_match', bevatelId, external.id, `by ${rule}: the contact is paired with another record`);
    },
    plan: () => ({
      tenant: integration.tenant, integration: integration.integration, ok: true, faults: [],
      records: count.records, pairs, matches, multiMatch, sharedMatch, creates: count.creates, notCreated, updates: count.updates,
      fields: [...fields.values()], samples,
      calls: { bevatel: callsOf('bevatel'), external: callsOf('external') },
    }),
  };

  function callsOf(side: Side): number {
    const { create, update } = context.capabilities[side].batch;
    return Math.ceil(count.creates[side] / create) + Math.ceil(count.updates[side] / update);
  }
}

function add(counts: Counts, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}
