/** Counts broken promises by their class, as both commands print them; all must be 0. */
import type { FaultClass, Finding } from './evidence.ts';

export interface Broken {
  readonly lost: number;
  readonly duplicates: number;
  readonly loops: number;
  readonly diverged: number;
  readonly unexplained: number;
}

export function brokenIn(findings: readonly Finding[]): Broken {
  const found = (kind: FaultClass): number => findings.filter((finding) => finding.class === kind).length;
  return { lost: found('lost'), duplicates: found('duplicate'), loops: found('loop'), diverged: found('diverged'), unexplained: found('unexplained') };
}
