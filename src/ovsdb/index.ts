export {
  abort,
  assertLock,
  byUuid,
  comment,
  insert,
  mutate,
  named,
  remove,
  select,
  update,
  wait,
} from './operations.ts';
export type { Mutation, Operation } from './operations.ts';
export type { Change, Row } from './replica.ts';
export * from './row.ts';
export type { Writable } from './values.ts';
