import type { Trace } from '../types.ts';
import { renderSvg } from './svg.ts';

/** The trace as a page of its own. */
export function renderHtml(trace: Trace): string {
  return `<!doctype html>\n<html lang="en"><title>${trace.verdict}</title>${renderSvg(trace)}</html>\n`;
}
