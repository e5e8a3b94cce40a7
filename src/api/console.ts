/**
 * A page to ask for traces in a browser, and the traces as pages. Whatever a user named reaches the
 * page as text only: the script writes no markup, and a trace is shown in a frame without rights.
 */
import { createHash } from 'node:crypto';
import type { FastifyPluginAsync } from 'fastify';
import { Type, type Static } from 'typebox';
import { renderHtml } from '../trace/render/html.ts';
import { PAGE_COLOURS } from '../trace/render/svg/palette.ts';
import type { Tracing } from './tracing/index.ts';

const querySchema = Type.Object(
  {
    from: Type.String({ minLength: 1, maxLength: 255 }),
    to: Type.String({ minLength: 1, maxLength: 255 }),
    protocol: Type.Optional(Type.String({ minLength: 1, maxLength: 16 })),
    source: Type.Optional(Type.Union([Type.Literal('live'), Type.Literal('intent')])),
    family: Type.Optional(Type.Union([Type.Literal('4'), Type.Literal('6')])),
  },
  { additionalProperties: false },
);

const STYLE = `${PAGE_COLOURS}
html,body{height:100%;margin:0}
body{display:flex;flex-direction:column;background:var(--canvas);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
form{display:flex;flex-wrap:wrap;gap:.75rem 1rem;align-items:end;padding:1rem 1.5rem;border-bottom:1px solid var(--bridge-edge)}
h1{flex-basis:100%;font-size:1.2rem;margin:0}
label{display:flex;flex-direction:column;font-size:.85rem;color:var(--muted)}
.end{flex:1 1 14rem}
input,select,button{box-sizing:border-box;height:2.2rem;font:inherit;font-size:.95rem;color:var(--ink);padding:.35rem .6rem;border:1px solid var(--bridge-edge);border-radius:6px;background:transparent}
select option{background:var(--canvas)}
button{background:var(--way);border-color:var(--way);color:var(--on-way);font-weight:600;cursor:pointer}
button[disabled]{opacity:.6;cursor:progress}
#message{margin:1rem 1.5rem 0}
#message.bad{padding:.6rem 1rem;background:var(--reason);color:var(--on-reason);overflow-wrap:anywhere}
iframe{flex:1;border:0;width:100%}`;

const SCRIPT = `'use strict';
const form = document.querySelector('form');
const button = document.querySelector('button');
const message = document.querySelector('#message');
const frame = document.querySelector('iframe');

function say(text, bad) {
  message.textContent = text;
  message.className = bad ? 'bad' : '';
  message.hidden = text === '';
}

async function listPorts() {
  const answer = await fetch('/v2.0/ports?fields=id&fields=name&fields=fixed_ips');
  const { ports } = await answer.json();
  const uses = new Map();
  for (const { name } of ports) uses.set(name, (uses.get(name) ?? 0) + 1);
  const list = document.querySelector('#ports');
  for (const { id, name, fixed_ips } of ports) {
    const option = document.createElement('option');
    option.value = name !== '' && uses.get(name) === 1 ? name : id;
    option.label = [name, ...fixed_ips.map((fixed) => fixed.ip_address)].join(' ');
    list.append(option);
  }
  say(ports.length === 0 ? 'There are no ports yet: create two, bind them, and trace.' : '', false);
}

async function trace(query) {
  button.disabled = true;
  say('Tracing …', false);
  try {
    const answer = await fetch('/tianchi/v1/traces.html?' + query);
    const text = await answer.text();
    frame.hidden = !answer.ok;
    if (answer.ok) frame.srcdoc = text;
    say(answer.ok ? '' : JSON.parse(text).NeutronError.message, !answer.ok);
  } catch (error) {
    say('The server does not answer: ' + error.message, true);
  } finally {
    button.disabled = false;
  }
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const query = new URLSearchParams(new FormData(form)).toString();
  history.replaceState(null, '', '?' + query);
  void trace(query);
});

const asked = new URLSearchParams(location.search);
for (const [name, value] of asked) {
  const field = form.elements.namedItem(name);
  if (field !== null) field.value = value;
}
listPorts().then(
  () => asked.has('from') && asked.has('to') && form.requestSubmit(),
  (error) => say('The ports cannot be read: ' + error.message, true),
);`;

const end = (name: string, label: string): string =>
  `<label class="end">${label}<input name="${name}" list="ports" required maxlength="255" autocomplete="off" placeholder="VM, port or address"></label>`;

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>Tianchi: trace</title>
<style>${STYLE}</style>
</head>
<body>
<form>
<h1>Trace a packet</h1>
${end('from', 'From')}
${end('to', 'To')}
<label>Protocol<input name="protocol" value="icmp" list="protocols" required maxlength="16" size="10"></label>
<label>Flows<select name="source"><option value="live">in the switches</option><option value="intent">as the topology asks</option></select></label>
<button>Trace</button>
<datalist id="ports"></datalist>
<datalist id="protocols"><option>icmp</option><option>icmp6</option><option>tcp/22</option><option>tcp/443</option><option>udp/53</option></datalist>
</form>
<p id="message" role="status" hidden></p>
<iframe sandbox title="The trace" hidden></iframe>
<script>${SCRIPT}</script>
</body>
</html>
`;

const scriptHash = createHash('sha256').update(SCRIPT).digest('base64');

/** The frame of a trace takes this policy over, and needs no more than its style. */
const CONSOLE_POLICY = `default-src 'none'; connect-src 'self'; script-src 'sha256-${scriptHash}'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
const TRACE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; sandbox; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const headers = (policy: string): Readonly<Record<string, string>> => ({
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': policy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
});

const FAMILIES = { 4: 4, 6: 6 } as const;

/** GET /console, and GET /tianchi/v1/traces.html?from=&to=[&protocol=][&source=][&family=] */
export function consolePlugin(tracing: Pick<Tracing, 'trace'>): FastifyPluginAsync {
  return (app) => {
    app.get('/console', { config: { access: 'anyone' } }, (_request, reply) =>
      reply.headers(headers(CONSOLE_POLICY)).send(PAGE),
    );
    app.get<{ Querystring: Static<typeof querySchema> }>(
      '/tianchi/v1/traces.html',
      { schema: { querystring: querySchema }, config: { access: 'admin' } },
      async ({ query: { family, ...asked } }, reply) => {
        const request = family === undefined ? asked : { ...asked, family: FAMILIES[family] };
        const page = renderHtml(await tracing.trace(request));
        return reply.headers(headers(TRACE_POLICY)).send(page);
      },
    );
    return Promise.resolve();
  };
}
