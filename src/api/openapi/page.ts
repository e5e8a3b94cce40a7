/** The document as a page to read: it needs no script, so nothing has to be fetched for it. */
import type { Document, Operation } from './document.ts';

interface Schema {
  readonly description?: string;
  readonly readOnly?: boolean;
  readonly 'x-shown-to'?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
code { font-size: 0.9em; }
h2 { border-top: 1px solid #8884; margin-top: 3rem; padding-top: 1rem; }
table { border-collapse: collapse; width: 100%; }
td, th { border-bottom: 1px solid #8882; padding: 0.25rem 0.75rem 0.25rem 0; text-align: left; vertical-align: top; }
nav a { margin-right: 1em; white-space: nowrap; }
:root { color-scheme: light dark; }
`;

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const row = (cells: readonly string[]): string =>
  `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;

const table = (heads: readonly string[], rows: readonly string[]): string =>
  `<table><tr>${heads.map((head) => `<th>${head}</th>`).join('')}</tr>${rows.join('')}</table>`;

const code = (text: string): string => `<code>${escaped(text)}</code>`;

/** Paths and methods with the tag of one resource. */
function operationsOf(document: Document, tag: string): (readonly [string, string, Operation])[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, operation]) => operation.tags.includes(tag))
      .map(([method, operation]) => [method, path, operation] as const),
  );
}

/** The component that an operation of the resource shows. */
function componentOf(operations: ReturnType<typeof operationsOf>): string {
  const [name = ''] =
    /(?<=#\/components\/schemas\/)\w+/.exec(
      JSON.stringify(operations.find(([method]) => method === 'get')?.[2].responses ?? ''),
    ) ?? [];
  return name;
}

function attributeRows(document: Document, component: string): string[] {
  const schemaOf = (name: string): Schema => document.components.schemas[name] ?? {};
  const [shown, create, update] = [component, `${component}Create`, `${component}Update`].map(
    schemaOf,
  );
  const names = new Set(
    [shown, create, update].flatMap((schema) => Object.keys(schema?.properties ?? {})),
  );
  return Array.from(names, (name) => {
    const own = shown?.properties?.[name];
    const schema = own ?? create?.properties?.[name] ?? update?.properties?.[name] ?? {};
    const given = [
      create?.required?.includes(name) ? 'required' : create?.properties?.[name] ? 'POST' : '',
      update?.properties?.[name] ? 'PUT' : '',
    ].filter((word) => word !== '');
    const seen = own === undefined ? 'never' : (own['x-shown-to'] ?? 'all');
    return row([code(name), escaped(schema.description ?? ''), given.join(', '), seen]);
  });
}

function section(document: Document, tag: string): string {
  const operations = operationsOf(document, tag);
  const rows = operations.map(([method, path, { summary, description = '' }]) =>
    row([code(`${method.toUpperCase()} ${path}`), escaped(summary), escaped(description)]),
  );
  return [
    `<h2 id="${tag}">${escaped(tag)}</h2>`,
    table(['Request', '', 'Who'], rows),
    '<h3>Attributes</h3>',
    table(
      ['Name', 'Type', 'Given in', 'Shown to'],
      attributeRows(document, componentOf(operations)),
    ),
  ].join('\n');
}

export function docsPage(document: Document): string {
  const tags = [...new Set(document.tags.map(({ name }) => name))];
  const links = tags.map((tag) => `<a href="#${tag}">${escaped(tag)}</a>`);
  const errors = Object.values(document.components.responses).map(({ description }) =>
    row([escaped(String(description))]),
  );
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tianchi: API</title>',
    `<style>${STYLE}</style></head><body><h1>The API</h1>`,
    "<p>OpenStack Neutron's, for its own clients; the same as data: ",
    '<a href="/openapi.json">openapi.json</a>.</p>',
    `<nav>${links.join(' ')}</nav>`,
    ...tags.map((tag) => section(document, tag)),
    '<h2>When it does not work</h2>',
    '<p>The answer is <code>{"NeutronError": {"type", "message", "detail"}}</code>.</p>',
    table(['What may be wrong'], errors),
    '</body></html>',
  ].join('\n');
}
