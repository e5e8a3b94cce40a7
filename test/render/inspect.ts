/**
 * What is wrong with the labels of the SVG in a page. `inspect` is sent to the browser as text, so
 * it refers to nothing outside itself; the interfaces tell as much of the DOM as it uses.
 */
export interface Finding {
  readonly kind: 'overlap' | 'crossed' | 'outside the canvas' | 'outside its box' | 'contrast';
  readonly text: string;
  readonly detail: string;
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

interface Shape {
  readonly firstChild: { readonly nodeValue: string | null } | null;
  getBoundingClientRect(): Box;
}

interface Line {
  getTotalLength(): number;
  getPointAtLength(length: number): { readonly x: number; readonly y: number };
}

interface Browser {
  readonly document: {
    querySelector(selector: string): Shape | null;
    querySelectorAll(selector: 'svg > path'): Iterable<Line>;
    querySelectorAll(selector: string): Iterable<Shape>;
  };
  readonly getComputedStyle: (this: void, shape: Shape) => { readonly fill: string };
}

export function inspect(): Finding[] {
  const { document, getComputedStyle } = globalThis as unknown as Browser;
  const svg = document.querySelector('svg');
  if (svg === null) return [{ kind: 'outside the canvas', text: '', detail: 'no picture' }];
  const slack = 0.5;
  const inside = (inner: Box, outer: Box): boolean =>
    inner.left >= outer.left - slack &&
    inner.right <= outer.right + slack &&
    inner.top >= outer.top - slack &&
    inner.bottom <= outer.bottom + slack;
  const meet = (a: Box, b: Box): boolean =>
    a.left < b.right - slack &&
    b.left < a.right - slack &&
    a.top < b.bottom - slack &&
    b.top < a.bottom - slack;
  const holds = (outer: Box, x: number, y: number): boolean =>
    outer.left <= x && x <= outer.right && outer.top <= y && y <= outer.bottom;
  const channels = (colour: string): number[] =>
    (colour.match(/[\d.]+/g) ?? []).slice(0, 3).map((part) => {
      const share = Number(part) / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
  // WCAG 2.2, relative luminance.
  const luminance = (colour: string): number => {
    const [red = 0, green = 0, blue = 0] = channels(colour);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one: string, other: string): number => {
    const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };

  const canvas = svg.getBoundingClientRect();
  const grounds = [...document.querySelectorAll('svg rect, svg circle')].map((shape) => ({
    box: shape.getBoundingClientRect(),
    fill: getComputedStyle(shape).fill,
  }));
  const labels = [...document.querySelectorAll('svg text')].map((shape) => ({
    text: shape.firstChild?.nodeValue ?? '',
    box: shape.getBoundingClientRect(),
    fill: getComputedStyle(shape).fill,
  }));
  // The picture is drawn in its own size, so its units are pixels of the page.
  const points = [...document.querySelectorAll('svg > path')].flatMap((line) =>
    Array.from({ length: Math.ceil(line.getTotalLength() / 2) }, (_, step) => {
      const { x, y } = line.getPointAtLength(step * 2);
      return { x: x + canvas.left, y: y + canvas.top };
    }),
  );
  const findings: Finding[] = [];
  const where = (box: Box): string =>
    [box.left, box.top, box.right, box.bottom].map((value) => value.toFixed(1)).join(' ');
  for (const [index, label] of labels.entries()) {
    const { text, box, fill } = label;
    const found = (kind: Finding['kind'], detail: string): void => {
      findings.push({ kind, text, detail });
    };
    if (!inside(box, canvas)) found('outside the canvas', `${where(box)} in ${where(canvas)}`);
    // Painted last is on top: that is what the label stands in.
    const middle = [(box.left + box.right) / 2, (box.top + box.bottom) / 2] as const;
    const ground = grounds.findLast((shape) => holds(shape.box, ...middle));
    if (ground === undefined) found('outside the canvas', 'on nothing');
    else {
      if (!inside(box, ground.box))
        found('outside its box', `${where(box)} in ${where(ground.box)}`);
      const ratio = contrast(fill, ground.fill);
      if (ratio < 4.5) found('contrast', `${ratio.toFixed(2)}: ${fill} on ${ground.fill}`);
    }
    if (points.some(({ x, y }) => holds(box, x, y))) found('crossed', 'a line runs through it');
    for (const other of labels.slice(index + 1)) {
      if (meet(box, other.box)) found('overlap', `"${other.text}" at ${where(other.box)}`);
    }
    // A label that another box crosses is half hidden.
    for (const shape of grounds) {
      const apart = !meet(box, shape.box) || inside(box, shape.box);
      if (!apart && shape !== ground) found('overlap', `the box ${where(shape.box)}`);
    }
  }
  return findings;
}
