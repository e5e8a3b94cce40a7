/** A cell's text: a list's items one after another, objects as JSON, nothing for null. */
function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.map(cell).join(', ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Without what says nothing, or only when and whose. */
const ASIDE = /^(project_id|tenant_id|created_at|updated_at|revision_number|tags)$/;

/** An object in one line: `direction=ingress ethertype=IPv4 …`. */
function brief(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .filter(([key, item]) => !ASIDE.test(key) && cell(item) !== '')
    .map(([key, item]) => `${key}=${cell(item)}`)
    .join(' ');
}

/** An object's fields, a list's items below each other. */
export function fields(item: Readonly<Record<string, unknown>>): string {
  const rows = Object.entries(item).flatMap(([field, value]) =>
    Array.isArray(value) && value.length > 0
      ? value.map((each: unknown, index) => [index === 0 ? field : '', brief(each)])
      : [[field, value]],
  );
  return table(['field', 'value'], rows);
}

/** Rows under a header, in columns as wide as their longest cell. */
export function table(header: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const cells = [header, ...rows].map((row) => row.map(cell));
  const widths = header.map((_, column) =>
    Math.max(...cells.map((row) => (row[column] ?? '').length)),
  );
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, column) => (row[column] ?? '').padEnd(width)).join(' | ')} |`;
  const rule = `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+`;
  const [head = [], ...body] = cells;
  return [rule, line(head), rule, ...body.map(line), ...(body.length > 0 ? [rule] : [])].join('\n');
}
