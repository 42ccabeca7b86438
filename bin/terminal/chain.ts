/** A field's chain from the original edit to the present value, as a tree for a person to read. */
import type { ChainStep } from '../../schemas/api.ts';
import { values, when } from './words.ts';

interface Field {
  readonly group: string;
  readonly chain: readonly ChainStep[];
}

/** One line per edit, decision and write; the integration is named where the chain comes through another one. Null when nothing is kept of it. */
export function renderChain({ group, chain }: Field): string | null {
  if (chain.length === 0) return null;
  const isHub = new Set(chain.map(({ linkId }) => linkId)).size > 1;
  const lines = chain.flatMap((step, index) => linesOf(step, chain[index - 1], isHub));
  return [group, ...lines.map((line, index) => `${index === lines.length - 1 ? '└─' : '├─'} ${line}`)].join('\n');
}

function linesOf(step: ChainStep, before: ChainStep | undefined, isHub: boolean): string[] {
  const { decision, edit, overridden, write } = step;
  const where = isHub ? `${step.integration}: ` : '';
  const isKnown = before?.linkId === step.linkId && before.edit?.side === edit?.side;
  return [
    ...(edit && !isKnown ? [`${where}edited in ${edit.side} ${who(edit)}: ${values(edit.values)}`] : []),
    `${where}${decision.verdict} by ${decision.rule} at ${when(decision.at)}${decision.cause === 'operator' ? `, an operator's word (audit ${decision.causeId})` : ''}, decision ${decision.id}`,
    ...(overridden ? [`${where}overrode in ${overridden.side} ${who(overridden)}: ${values(overridden.values)}`] : []),
    ...(write ? [`${where}${written(write)}`] : []),
  ];
}

function who({ editedFrom, editedTo, actor }: NonNullable<ChainStep['edit']>): string {
  const at = editedTo === null && editedFrom === null ? 'at an unknown time'
    : editedFrom === editedTo || editedFrom === null ? `at ${when(editedTo)}` : `between ${when(editedFrom)} and ${when(editedTo)}`;
  return `${actor === null ? '' : `by ${actor} `}${at}`;
}

function written({ side, values: sent, landed }: NonNullable<ChainStep['write']>): string {
  if (!landed) return `wanted in ${side}: ${values(sent)}; not written by this decision`;
  return `written to ${side}: ${values(sent)}; ${landed.how} at ${when(landed.at)}${landed.sentAt === null ? '' : `, sent at ${when(landed.sentAt)}`}, attempt ${landed.attempt}`;
}
