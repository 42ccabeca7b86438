import { describe, expect, it } from 'vitest';
import { SyncError } from '../schemas/errors.ts';
import { createLogger, describeError } from './logger.ts';

function capture(log: (logger: ReturnType<typeof createLogger>) => void): Record<string, unknown> {
  const lines: string[] = [];
  log(createLogger({ service: 'test', level: 'info', destination: { write: (line) => void lines.push(line) } }));
  return JSON.parse(lines.join('')) as Record<string, unknown>;
}

describe('I11: the log', () => {
  it('shows of a foreign error its name, code and place, never its message', () => {
    const error = Object.assign(new TypeError('Key (phone)=(+966501234567) already exists'), { code: '23505', detail: '+966501234567' });
    const line = capture((logger) => logger.error({ err: error }, 'failed'));
    expect(JSON.stringify(line)).not.toContain('966501234567');
    expect(line['err']).toMatchObject({ name: 'TypeError', code: '23505' });
  });

  it('shows of our own error its code, message and facts, and its cause without the message', () => {
    const error = new SyncError('system_timeout', 'read: no answer within 5 s', { operation: 'read', cause: new Error('sara@example.com') });
    const line = capture((logger) => logger.error({ err: error }, 'failed'));
    expect(line['err']).toMatchObject({ code: 'system_timeout', message: 'read: no answer within 5 s', operation: 'read' });
    expect(JSON.stringify(line)).not.toContain('sara@example.com');
  });

  it('leaves a description as it is', () => {
    const line = capture((logger) => logger.warn({ err: describeError(new SyncError('not_found', 'no such link')) }, 'failed'));
    expect(line['err']).toEqual({ code: 'not_found', message: 'no such link' });
  });

  it('hides values and secrets however deep they got in', () => {
    const line = capture((logger) => logger.info({ token: 'abc', link: { image: { email: 'a@b.c' }, id: 'l1' }, a: { b: { secret: 's' } } }, 'x'));
    expect(line).toMatchObject({ token: '[redacted]', link: { image: '[redacted]', id: 'l1' }, a: { b: { secret: '[redacted]' } } });
  });
});
