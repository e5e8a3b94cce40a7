import type { Trace } from '../types.ts';

/** The traffic model of the first leg as a picture that stands on its own. */
export function renderSvg(trace: Trace): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img"><title>${trace.verdict}</title></svg>`;
}
