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
export type { Condition, Mutation, Operation, Results, Wait, WritableRow } from './operations.ts';
export type { Change, Row } from './replica.ts';
export * from './row.ts';
export type { Atom, NamedUuid, Value, Writable } from './values.ts';
