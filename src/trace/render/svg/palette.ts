/** Colours for a light and a dark page: text has a contrast of 4.5 or more on what it stands on. */
export type Colour = readonly [light: string, dark: string];

export const PALETTE = {
  canvas: ['#ffffff', '#0f151b'],
  ink: ['#1c2733', '#e6edf3'],
  muted: ['#4d5b69', '#a9b6c3'],
  node: ['#f3f6f9', '#161e27'],
  'node-edge': ['#aab7c4', '#45566a'],
  bridge: ['#e3ebf4', '#1f2c3b'],
  'bridge-edge': ['#7e95ad', '#5d748c'],
  box: ['#ffffff', '#0f151b'],
  'box-edge': ['#5f7892', '#7890a8'],
  way: ['#1a63bd', '#62aaff'],
  'on-way': ['#ffffff', '#07131f'],
  drop: ['#c0232c', '#ff7b72'],
  'on-drop': ['#ffffff', '#1f0807'],
  reason: ['#fdeeed', '#35171a'],
  'on-reason': ['#7d1017', '#ffc2bd'],
  delivered: ['#176f39', '#4cc36a'],
  'on-delivered': ['#ffffff', '#04140a'],
} as const satisfies Readonly<Record<string, Colour>>;

export type Paint = keyof typeof PALETTE;

/** The palette as custom properties, for the style of a page around a picture. */
export const PAGE_COLOURS = ((): string => {
  const rules = (scheme: 0 | 1): string =>
    Object.entries(PALETTE)
      .map(([paint, colour]) => `--${paint}:${colour[scheme]}`)
      .join(';');
  return `:root{color-scheme:light dark;${rules(0)}}\n@media (prefers-color-scheme:dark){:root{${rules(1)}}}`;
})();
