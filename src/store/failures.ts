import { Failure } from '../base/failure.ts';

/** For whatever is asked of a store after `close`. */
export function closedFailure(): Failure {
  return new Failure('unavailable', 'StoreClosed', 'the store has been closed', {
    remedy: 'open it again',
  });
}
