/**
 * What if: the decisions of a time span, each decided again under another configuration (domain/what-if.ts), every
 * difference told as it is found. Memory holds one page; nothing is changed.
 */
import type { Pool } from 'pg';
import type { z } from 'zod';
import { buildContext } from '../../../domain/context.ts';
import type { LinkContext } from '../../../domain/context.ts';
import type { Mapping } from '../../../domain/lenses/mapping.ts';
import { replayer } from '../../../domain/what-if.ts';
import type { Difference, Effect, Replay } from '../../../domain/what-if.ts';
import type { WhatIfLine, WhatIfTotals, zWhatIfBody } from '../../../schemas/api-history.ts';
import type { ContactDecision } from '../../../schemas/decision.ts';
import { SyncError } from '../../../schemas/errors.ts';
import { fieldNames } from '../../../schemas/integration.ts';
import type { Integration } from '../../../schemas/integration.ts';
import { checkedIntegration } from '../../../schemas/integration-file.ts';
import { withPolicy } from '../../../schemas/policy-rules.ts';
import { SIDES } from '../../../schemas/value.ts';
import { readIntegration } from '../../../store/integrations.ts';
import { oldestDecisions } from '../../../store/history.ts';
import type { TimeSpan } from '../../../store/history.ts';
import { valuesOf } from '../conflicts/conflict-view.ts';
import { checkReach } from './reach.ts';

export interface WhatIfDeps {
  readonly pool: Pool;
  readonly clock: () => number;
  readonly signal: AbortSignal;
}

type Body = z.output<typeof zWhatIfBody>;

const PAGE = 500;
/** Pages between two signs of life. */
const PROGRESS_PAGES = 20;

/** Checks the question; the lines come as they are asked for. Throws SyncError `not_found`, `configuration_invalid` or `beyond_history`. */
export async function whatIf(deps: WhatIfDeps, body: Body): Promise<AsyncGenerator<WhatIfLine>> {
  const key = { tenantId: body.tenant, integrationId: body.integration };
  const stored = await readIntegration(deps.pool, key);
  if (!stored) throw new SyncError('not_found', `there is no integration ${body.tenant}/${body.integration}`);
  const integration = otherConfig(stored.config, body);
  const span = { since: body.since, until: body.until ?? deps.clock() };
  await checkReach(deps.pool, key, span.since);
  return replayAll(deps, key, span, buildContext(stored.config).mapping, buildContext(integration));
}

/** The configuration in question, as valid as a file must be. */
function otherConfig(present: Integration, { tenant, integration, policies, config }: Body): Integration {
  const other = config === undefined ? checkedIntegration(withPolicies(present, policies ?? {}), 'the policies') : checkedIntegration(config, 'the mapping');
  if (other.tenant === tenant && other.integration === integration) return other;
  throw new SyncError('configuration_invalid', `the mapping is of ${other.tenant}/${other.integration}, not of ${tenant}/${integration}`);
}

/** A field is named as its group or as its Bevatel field; `*` is the integration's own policy. */
function withPolicies(present: Integration, policies: NonNullable<Body['policies']>): object {
  const named = (mapping: Integration['fields'][number]): readonly string[] => [fieldNames(mapping, 'bevatel').join('+'), ...SIDES.flatMap((side) => fieldNames(mapping, side))];
  const unknown = Object.keys(policies).filter((name) => name !== '*' && !present.fields.some((mapping) => named(mapping).includes(name)));
  if (unknown.length > 0) {
    throw new SyncError('configuration_invalid', 'the mapping has no such field', { faults: unknown.map((name) => ({ path: `policies.${name}`, message: 'is not a mapped field; `integrations show` lists them' })) });
  }
  const fields = present.fields.map((mapping) => {
    const policy = named(mapping).map((name) => policies[name]).find((one) => one !== undefined);
    return policy === undefined ? mapping : withPolicy(mapping, policy);
  });
  return { ...present, fields, conflicts: { ...present.conflicts, ...(policies['*'] ? { policy: policies['*'] } : {}) } };
}

async function* replayAll({ pool, signal }: WhatIfDeps, key: { tenantId: string; integrationId: string }, span: TimeSpan, mapping: Mapping, context: LinkContext): AsyncGenerator<WhatIfLine> {
  const totals = emptyTotals(key, span, unrecorded(mapping, context.mapping));
  const replay = replayer(mapping, context);
  let after: ContactDecision | null = null;
  for (let pages = 1; ; pages += 1) {
    signal.throwIfAborted();
    const page: readonly ContactDecision[] = await oldestDecisions(pool, key, span, after, PAGE);
    for (const decision of page) yield* linesOf(decision, replay(decision), totals);
    after = page.at(-1) ?? null;
    if (page.length < PAGE) break;
    if (pages % PROGRESS_PAGES === 0) yield { kind: 'progress', examined: totals.decisions };
  }
  yield totals;
}

function* linesOf(decision: ContactDecision, { compared, differences, incomparable }: Replay, totals: WhatIfTotals): Generator<WhatIfLine> {
  totals.decisions += 1;
  totals.compared += compared;
  totals.differences += differences.length;
  for (const { reason } of incomparable) totals.incomparable[reason] = (totals.incomparable[reason] ?? 0) + 1;
  for (const difference of differences) {
    const { group, kind } = difference;
    const ofGroup = (totals.byGroup[group] ??= {});
    ofGroup[kind] = (ofGroup[kind] ?? 0) + 1;
    totals.byKind[kind] = (totals.byKind[kind] ?? 0) + 1;
    yield lineOf(decision, difference);
  }
}

function emptyTotals({ tenantId, integrationId }: { tenantId: string; integrationId: string }, { since, until }: TimeSpan, names: string[]): WhatIfTotals {
  return { kind: 'totals', tenant: tenantId, integration: integrationId, since, until, decisions: 0, compared: 0, differences: 0, byKind: {}, byGroup: {}, incomparable: {}, unrecorded: names };
}

/** Groups of the other configuration with a field that the present one does not know, so that nothing of it was recorded. */
function unrecorded(present: Mapping, other: Mapping): string[] {
  return other.lenses.filter(({ lens }) => SIDES.some((side) => lens.fields[side].some((field) => !present.fields[side].includes(field)))).map(({ lens }) => lens.name);
}

function lineOf(decision: ContactDecision, { group, kind, fields, then, now }: Difference): WhatIfLine {
  return {
    kind: 'difference', tenant: decision.tenantId, integration: decision.integrationId, linkId: decision.linkId, bevatelId: decision.bevatelId, externalId: decision.externalId,
    group, fields: { bevatel: [...fields.bevatel], external: [...fields.external] }, difference: kind, decisionId: decision.decisionId, decidedAt: decision.decidedAt,
    then: effectView(then), now: now && effectView(now),
  };
}

function effectView({ kind, side, bevatel, external, rule }: Effect): NonNullable<Extract<WhatIfLine, { kind: 'difference' }>['now']> {
  return { effect: kind, side, bevatel: valuesOf(bevatel), external: valuesOf(external), rule };
}
