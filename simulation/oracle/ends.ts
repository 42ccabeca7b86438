/** I9: nothing is taken for gone that is there, and nothing is deleted that nobody deleted. */
import type { Evidence, Finding } from './evidence.ts';

export function judgeEnds({ links, journal }: Evidence): Finding[] {
  const ended = new Set(journal.flatMap((fact) => (fact.kind === 'deleted' || fact.kind === 'erased' || fact.kind === 'merged' ? [`${fact.system}/${fact.record}`] : [])));
  return links.flatMap((link) => Object.keys(link.state.gone ?? {}).flatMap((side): Finding[] => {
    const key = side === 'bevatel' ? `bevatel/${link.bevatel_id}` : `${link.integration_id}/${link.external_id}`;
    return ended.has(key) ? [] : [{ invariant: 'I9', class: 'unexplained', person: null, what: `${key} is taken for gone, though nobody ended it` }];
  }));
}
