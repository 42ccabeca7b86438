/**
 * What the invariants say of a world: each returns a sentence that names what broke, or nothing.
 *
 * The judge knows the true origin of every value; the core does not.
 */
import type { ContactDecision } from '../../schemas/decision.ts';
import { otherSide, SIDES } from '../../schemas/value.ts';
import type { Side } from '../../schemas/value.ts';
import { agree } from '../compare.ts';
import { pick } from '../link.ts';
import type { GroupState } from '../link.ts';
import { replayDecision } from '../what-if.ts';
import type { Edit, Origin } from './simulated-system.ts';
import { GROUP } from './world.ts';
import type { Call, World } from './world.ts';

function group(world: World): GroupState {
  return world.link.state.groups[GROUP] ?? {};
}

/** I1: both sides agree, or stand at a base that a system normalised, or the difference waits for an operator. */
export function disagreement(world: World): string | null {
  const rule = world.context.mapping.byName.get(GROUP);
  const { bevatel, external } = world.systems;
  for (const side of SIDES) {
    const seen = pick(world.link.state.seen[side]?.values ?? {}, rule?.lens.fields[side] ?? []);
    if (seen?.[0] !== world.systems[side].value) return `I1: ${side} holds ${world.systems[side].value}, but ${String(seen?.[0])} is seen`;
  }
  const { base, held } = group(world);
  const isBase = base?.[0][0] === bevatel.value && base[1][0] === external.value;
  if (held || isBase || (rule && agree(rule.lens, [bevatel.value], [external.value]))) return null;
  return `I1: ${bevatel.value} and ${external.value} differ without a verdict`;
}

/** I2: the first edit that is neither final nor overridden by name nor held. */
export function lostEdit(world: World): string | null {
  const lost = world.edits.find((edit) => edit.id > 0 && !isKept(world, edit));
  return lost ? `I2: edit ${lost.id} (${lost.side}:=${lost.value}) is lost` : null;
}

function isKept(world: World, edit: Edit): boolean {
  const { bevatel, external } = world.systems;
  if (contains(bevatel.origin, edit) || contains(external.origin, edit)) return true;
  if (bevatel.value === edit.value && external.value === edit.value) return true;
  return isHeld(world, edit) || isOverriddenByName(world, edit)
    || world.calls.some((call) => isExcused(world, call, edit))
    || world.edits.some((later) => later.side === edit.side && later.id > edit.id && isOnTop(world, later, edit) && isKept(world, later));
}

function contains(origin: Origin, edit: Edit): boolean {
  return origin.contains.has(edit.id);
}

/** The later edit was made on a value that contained the earlier one: whoever made it saw that one. */
function isOnTop(world: World, later: Edit, earlier: Edit): boolean {
  return [...world.calls.flatMap((call) => call.landing?.over ?? []), ...world.said.flatMap(({ origins }) => [origins.bevatel, origins.external]), ...world.consumed.map(({ shown }) => shown.origin)]
    .some((origin) => origin.contains.has(later.id) && origin.contains.has(earlier.id));
}

function isHeld(world: World, edit: Edit): boolean {
  const { held } = group(world);
  return [held?.bevatel, held?.external, held?.overwritten].some((values) => values?.[0] === edit.value);
}

function isOverriddenByName(world: World, edit: Edit): boolean {
  return world.said.some((one) => one.at >= edit.at && one.conflict !== undefined && one[edit.side]?.[0] === edit.value);
}

/** Written over as unedited (at its base), or in the blind window that only a guard read keeps short. */
function isExcused(world: World, call: Call, edit: Edit): boolean {
  const { landing } = call;
  if (!landing || !contains(landing.over, edit) || edit.value !== landing.overValue) return false;
  if (call.base?.[landing.side === 'bevatel' ? 0 : 1][0] === landing.overValue) return true;
  const { conditionalWrites, history } = world.context.capabilities[landing.side];
  return !conditionalWrites && !history && edit.at > call.guardedAt;
}

/**
 * A conflict is said of edits only neither of which was made on top of the other (traces 2, 3). Without revisions nobody
 * can always tell; where they are approximate, up to three edits around a hung write can be told apart.
 */
export function falseConflict(world: World): string | null {
  const { revisions } = world.context.capabilities.external;
  if (revisions === 'none' || (revisions === 'approximate' && world.edits.length > 4)) return null;
  for (const { conflict, origins, bevatel, external } of world.said) {
    if (conflict !== 'update_update_same_field') continue;
    for (const side of SIDES) {
      const other = otherSide(side);
      if (origins[other].contains.has(origins[side].head.id)) return `conflict ${String(bevatel?.[0])} / ${String(external?.[0])}, although ${other}'s was made on ${side}'s`;
    }
  }
  return null;
}

/** What was recorded suffices to decide anew: under the same configuration each verdict is said again (domain/what-if.ts). */
export function otherOnReplay(world: World): string | null {
  const { tenantId, integrationId, linkId, bevatelId, externalId } = world.link;
  for (const { at, origins: _origins, ...said } of world.said) {
    const decision: ContactDecision = { decisionId: '', tenantId, integrationId, linkId, bevatelId, externalId, causeId: '', cause: 'change', side: null, verdict: said.verdict, groups: [said], decidedAt: at };
    const [difference] = replayDecision(decision, world.context.mapping, world.context).differences;
    if (difference) return `replay: ${difference.kind}: ${difference.then.rule} said ${said.verdict} of ${String(said.bevatel?.[0])} / ${String(said.external?.[0])}, ${difference.now?.rule ?? 'nothing'} says otherwise`;
  }
  return null;
}

/** I5: latest_wins never lets the earlier of two dated edits win. */
export function wrongWinner(world: World): string | null {
  for (const { rule, writeTo, origins, bevatel, external } of world.said) {
    if (rule !== 'policy:latest_wins' || !writeTo) continue;
    const winner: Side = otherSide(writeTo);
    const loserEdits = world.edits.filter((edit) => edit.side === writeTo && edit.value === origins[writeTo].head.value && origins[writeTo].contains.has(edit.id));
    if (loserEdits.every((edit) => edit.at > origins[winner].head.at)) return `I5: ${winner}'s earlier edit wins of ${String(bevatel?.[0])} / ${String(external?.[0])}`;
  }
  return null;
}
