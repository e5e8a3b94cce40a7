/** Every operation and what runs it. */
import { groupHandlers } from './groups.ts';
import { headerHandlers } from './header.ts';
import { outputHandlers } from './output.ts';
import { rewriteHandlers } from './rewrite.ts';
import { stateHandlers } from './state.ts';
import { tableHandlers } from './tables.ts';
import type { Handlers } from './walk.ts';

export const handlers: Handlers = {
  ...rewriteHandlers,
  ...headerHandlers,
  ...outputHandlers,
  ...stateHandlers,
  ...tableHandlers,
  ...groupHandlers,
};
