import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../base/failure.ts';

const PAUSE_MS = 20;

/**
 * Asks again and again until the answer is not undefined.
 * @param what is waited for, to end the sentence "gave up after 20 s waiting for …"; a function is
 *   asked when it is too late.
 * @param seconds to give up after.
 * @throws {Failure} `unavailable` when the time is over, or whatever `ask` throws.
 */
export async function until<T>(
  what: string | (() => string),
  seconds: number,
  ask: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) {
      const waited = typeof what === 'string' ? what : what();
      throw new Failure(
        'unavailable',
        'DeadlineExceeded',
        `gave up after ${seconds} s waiting for ${waited}`,
      );
    }
    await sleep(PAUSE_MS);
  }
}

/** Waits for all, so that nothing goes on behind a failure, then throws the first. */
export async function settled(tasks: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(tasks);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
