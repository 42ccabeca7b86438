/**
 * Holds as the operator sees them, and the tag that ties an order to the pair that was shown.
 *
 * A conflict's id is `<link>/<group>@<tag>` (`<link>@<tag>` for a hold on the link as a whole); the tag is a
 * fingerprint of what is held, so that an order on a stale listing is recognised.
 */
import { createHash } from 'node:crypto';
import type { Values } from '../../../domain/lens.ts';
import type { EditTime, Held, LinkHold } from '../../../domain/link.ts';
import type { Pair } from '../../../domain/resolve.ts';
import type { Conflict } from '../../../schemas/api.ts';
import type { StoredLink } from '../../../store/links.ts';

export function heldTag(type: string, pair: Pair): string {
  return tagOf([type, pair.bevatel, pair.external]);
}

export function holdTag(hold: LinkHold): string {
  return tagOf([hold.kind, hold.since]);
}

function tagOf(content: unknown): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('base64url').slice(0, 8);
}

export interface ConflictId {
  readonly linkId: string;
  readonly group: string | null;
  readonly tag: string;
}

/** Null for what is no id of a conflict. */
export function parseConflictId(id: string): ConflictId | null {
  const match = /^(?<link>[^/@]+)(?:\/(?<group>[^@]+))?@(?<tag>[\w-]+)$/.exec(id);
  const { link, group, tag } = match?.groups ?? {};
  return link !== undefined && tag !== undefined ? { linkId: link, group: group ?? null, tag } : null;
}

/** Every hold of a link, the hold on the whole first. */
export function conflictsOf({ link }: StoredLink): readonly Conflict[] {
  const common = { tenant: link.tenantId, integration: link.integrationId, linkId: link.linkId, bevatelId: link.bevatelId, externalId: link.externalId };
  const whole = link.state.hold ? [ofWhole(common, link.state.hold)] : [];
  const groups = Object.entries(link.state.groups).flatMap(([name, { held }]) => (held ? [ofGroup(common, name, held)] : []));
  return [...whole, ...groups];
}

type Common = Pick<Conflict, 'tenant' | 'integration' | 'linkId' | 'bevatelId' | 'externalId'>;

function ofWhole(common: Common, hold: LinkHold): Conflict {
  return {
    ...common, id: `${common.linkId}@${holdTag(hold)}`, group: null, type: hold.kind, since: hold.since,
    bevatel: null, external: null, overwritten: null,
    detail: 'detail' in hold ? hold.detail : null, owner: null, candidates: 'candidates' in hold ? [...hold.candidates] : [],
  };
}

function ofGroup(common: Common, group: string, held: Held): Conflict {
  return {
    ...common, id: `${common.linkId}/${group}@${heldTag(held.type, held)}`, group, type: held.type, since: held.since,
    bevatel: sideOf(held.bevatel, held.bevatelTime), external: sideOf(held.external, held.externalTime),
    overwritten: held.overwritten ? valuesOf(held.overwritten) : null, detail: held.detail ?? null, owner: held.owner ?? null, candidates: [],
  };
}

function sideOf(values: Values, time: EditTime): NonNullable<Conflict['bevatel']> {
  return { values: valuesOf(values), editedFrom: time.from, editedTo: time.to, actor: time.actor };
}

type ApiValues = NonNullable<Conflict['bevatel']>['values'];

/** Values as the API's schemas type them: lists are theirs to change. */
export function valuesOf(values: Values): ApiValues {
  return values.map((value) => (Array.isArray(value) ? [...value as readonly string[]] : value as Exclude<typeof value, readonly string[]>));
}
