/** What stands in the decision on an operator's word: the conflict as it was held, resolved, and what is written for it. */
import type { Held } from '../../../domain/link.ts';
import type { GroupVerdict } from '../../../schemas/decision.ts';

/** `how`: the winner, the policy that named one, or `anew`, `retry`. */
export function operatorVerdict(decided: readonly GroupVerdict[], group: string, held: Held, how: string): GroupVerdict {
  const own = decided.find((one) => one.group === group);
  return {
    ...own, group, verdict: 'conflict_resolved', rule: `operator:${how}`, conflict: held.type,
    bevatel: held.bevatel, external: held.external,
    bevatelAt: held.bevatelTime.to, externalAt: held.externalTime.to, bevatelActor: held.bevatelTime.actor, externalActor: held.externalTime.actor,
  };
}
