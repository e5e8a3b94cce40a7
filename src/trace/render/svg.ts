import type { Trace } from '../types.ts';
import { drawPicture } from './svg/draw.ts';
import { pictureOf } from './svg/picture.ts';

/**
 * The traffic model of the first leg as an SVG document that is legible on its own: nodes, bridges
 * and tables in the order that the packet meets them, the numbered steps in words, and where and
 * why it is dropped. The same trace gives the same bytes.
 */
export const renderSvg = (trace: Trace): string => drawPicture(pictureOf(trace));
