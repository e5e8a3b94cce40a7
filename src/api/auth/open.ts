/** Authentication by Keystone, put together. */
import type { BaseLogger } from 'pino';
import { sound } from '../alarms.ts';
import type { Metrics } from '../observe/metrics.ts';
import { Gate } from './gate.ts';
import { Keystone, type KeystoneOptions } from './keystone.ts';
import type { Rate } from './rate-limit.ts';
import { Tokens } from './tokens.ts';

export interface KeystoneAuth extends KeystoneOptions {
  /** Where clients are sent for a token, when that is not `url`. */
  readonly publicUrl?: string;
  /** ms for which a token that was revoked may go on being good. */
  readonly recheck: number;
  /** For each user in each project, admins excepted. */
  readonly rate: Rate;
  readonly metricsSecret: string | null;
}

export interface Authentication {
  readonly gate: Gate;
  readonly keystone: Keystone;
}

/**
 * Asks nothing yet: a server starts also while Keystone is away.
 * @throws {Failure} InvalidInput for a URL that is none.
 */
export function openAuthentication(
  auth: KeystoneAuth,
  log: BaseLogger,
  metrics: Pick<Metrics, 'check'>,
): Authentication {
  const keystone = new Keystone(auth);
  let answers = true;
  const tokens = new Tokens({
    keystone,
    recheck: auth.recheck,
    onChecked: (outcome, error) => {
      metrics.check(outcome);
      if (answers === (outcome !== 'failed')) return;
      answers = !answers;
      if (answers) log.info({ url: keystone.url }, 'Keystone answers again');
      else sound(log, 'keystone_unavailable', { url: keystone.url, err: error });
    },
  });
  const { publicUrl: keystoneUrl = keystone.url, rate, metricsSecret } = auth;
  return { gate: new Gate({ tokens, keystoneUrl, rate, metricsSecret }), keystone };
}
