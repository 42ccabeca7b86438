/** The oracle: everything that the invariants say of a schedule that was played to its end. Independent of the product. */
import { judgeEdits } from './edits.ts';
import { judgeEnds } from './ends.ts';
import type { Evidence, Finding } from './evidence.ts';
import { judgeIdentity } from './identity.ts';
import { Lineage } from './lineage.ts';
import { Lives } from './lives.ts';
import { judgePairs } from './pairs.ts';
import { judgeSecondLives } from './second-lives.ts';
import { judgeTimes, judgeWords } from './times.ts';
import { Words } from './words.ts';
import { judgeWrites } from './writes.ts';

export interface Judgement {
  readonly findings: readonly Finding[];
  /** Edits that were overwritten where their system leaves nobody a way to tell. */
  readonly blindWindows: number;
}

export function judge(evidence: Evidence): Judgement {
  const lineage = new Lineage(evidence);
  const words = new Words(evidence);
  const lives = new Lives(evidence.journal);
  const edits = judgeEdits(evidence, lineage, words, lives);
  return {
    findings: [
      ...edits.findings, ...judgePairs(evidence, lineage, words), ...judgeIdentity(evidence, lineage, words, lives), ...judgeWrites(evidence, lineage, words, lives),
      ...judgeTimes(evidence, lineage, words), ...judgeWords(evidence, lineage, words), ...judgeEnds(evidence, lineage, lives), ...judgeSecondLives(evidence, lineage, lives, words),
    ],
    blindWindows: edits.blindWindows,
  };
}
