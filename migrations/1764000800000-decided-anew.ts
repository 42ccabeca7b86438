/** How far the links of an integration were decided anew since its file was applied, so that a restart goes on there. */
import type { MigrationInterface, QueryRunner } from 'typeorm';

const UP = `
alter table integrations
  -- the applied_at of the configuration by which every link was decided; null for one that was never changed
  add column decided_for     bigint,
  -- the last link of the round that is under way
  add column decided_through text;
`;

export class DecidedAnew1764000800000 implements MigrationInterface {
  readonly name = 'DecidedAnew1764000800000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  /** Migrations go forward only; a mistake is mended by the next one. */
  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'));
  }
}
