import { Option } from 'commander';
import type { Command } from 'commander';
import type { Client, Json } from '../client.ts';
import type { Io } from '../io.ts';
import { Failure } from '../../base/failure.ts';
import { END_FORMS } from '../../trace/capture/layout.ts';
import type { Trace } from '../../trace/types.ts';
import { example } from '../help.ts';
import { labNames } from '../lab-names.ts';
import { lines } from '../lines.ts';
import { offlineRequest, OfflineTracer, type OfflineRequest } from './offline-trace.ts';

/** Loaded when asked for: a command should not wait for what it does not print. */
const FORMATS: Readonly<Record<string, (trace: Trace, io: Io) => Promise<string>>> = {
  text: async (trace, { color, columns }) => {
    const { renderText } = await import('../../trace/render/text.ts');
    return renderText(trace, { color, columns });
  },
  json: async (trace) => {
    const { renderJson } = await import('../../trace/render/json.ts');
    return JSON.stringify(renderJson(trace), null, 2);
  },
  markdown: async (trace) => {
    const { renderMarkdown } = await import('../../trace/render/markdown.ts');
    return renderMarkdown(trace);
  },
  svg: async (trace) => {
    const { renderSvg } = await import('../../trace/render/svg.ts');
    return renderSvg(trace);
  },
  html: async (trace) => {
    const { renderHtml } = await import('../../trace/render/html.ts');
    return renderHtml(trace);
  },
};

interface Options {
  readonly source: string;
  readonly format: string;
  readonly json?: boolean;
  readonly expect?: 'delivered' | 'dropped';
  readonly family?: '4' | '6';
  readonly sourcePort?: string;
  readonly size?: string;
  readonly counters?: boolean;
  readonly batch?: boolean;
  readonly flows?: string;
  readonly groups?: string;
  readonly ports?: string;
  readonly bridge?: string;
  readonly packet?: string;
  readonly pcap?: string;
  readonly frame?: string;
  readonly inPort?: string;
  readonly ctNext?: readonly string[];
  readonly skipBad?: boolean;
}

type Answer = (request: Json) => Promise<Trace>;

/** Who answers: the server over its switches or its intent, or a folder of dumps alone. */
async function answerer(io: Io, client: Client, source: string): Promise<Answer> {
  const named = await labNames(io, client);
  if (source !== 'live' && source !== 'intent') {
    const { tracerOver } = await import('../captured.ts');
    const trace = await tracerOver(source, io, named);
    return (request) => Promise.resolve(trace(request));
  }
  const end = (name: unknown) => (typeof name === 'string' ? named(name) : name);
  return async (request) => {
    const { from, to } = request;
    const asked = { source, ...request, from: end(from), to: end(to) };
    // The server sends what the types say: it is the same version's own code.
    return (await client.request('POST', '/tianchi/v1/traces', asked)) as Trace;
  };
}

function wholeNumber(option: string, text: string, low: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= low && value <= 65535) return value;
  throw new Failure(
    'invalid',
    'Usage',
    `${option} is '${text}'; it must be a number from ${low} to 65535`,
  );
}

function parseRequest(line: string): Json {
  let request: unknown;
  try {
    request = JSON.parse(line);
  } catch (error) {
    throw new Failure('invalid', 'InvalidInput', `the line is no JSON: ${String(error)}`);
  }
  if (typeof request === 'object' && request !== null && !Array.isArray(request)) {
    return request as Json;
  }
  const message = `the line is ${line}; it must be an object such as {"id":1,"from":"vm1","to":"vm2"}`;
  throw new Failure('invalid', 'InvalidInput', message);
}

/** Lines that are written together, for a write costs as much as a trace. */
class Answers {
  readonly #io: Io;
  readonly #lines: string[] = [];

  constructor(io: Io) {
    this.#io = io;
  }

  add(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length >= MOST_TOGETHER) this.write();
  }

  write(): void {
    if (this.#lines.length > 0) this.#io.out(this.#lines.join('\n'));
    this.#lines.length = 0;
  }
}

const MOST_TOGETHER = 64;

/**
 * NDJSON in, NDJSON out, in order; a bad request answers its error and the batch goes on. What has
 * been answered is written before anything is waited for.
 */
async function batch(io: Io, client: Client, source: string): Promise<void> {
  const { renderJson } = await import('../../trace/render/json.ts');
  const tracer = new OfflineTracer(io);
  const answers = new Answers(io);
  // Requests over dumps of one bridge need neither lab nor server.
  let answer: Answer | undefined;
  const offline = async (request: OfflineRequest): Promise<string> => {
    answers.write();
    return await tracer.json(request);
  };
  const live = async (id: unknown, { proto, ...request }: Json): Promise<string> => {
    answers.write();
    answer ??= await answerer(io, client, source);
    const asked = { ...request, ...(proto === undefined ? {} : { protocol: proto }) };
    return JSON.stringify({ id, ...renderJson(await answer(asked)) });
  };
  for await (const piece of lines(io.stdin())) {
    for (const line of piece) {
      if (line.trim() === '') continue;
      let id: unknown = null;
      try {
        const { id: given = null, ...request } = parseRequest(line);
        id = given;
        if (request['flows'] === undefined) {
          answers.add(await live(id, request));
          continue;
        }
        const asked = offlineRequest(request);
        const text = tracer.jsonAtOnce(asked) ?? (await offline(asked));
        answers.add(`{"id":${JSON.stringify(id)},${text.slice(1)}`);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        answers.add(JSON.stringify({ id, error: message }));
      }
    }
    answers.write();
  }
}

async function offlineOnce(io: Io, options: Options, flows: string): Promise<void> {
  const { frame, groups, ports, bridge, packet, pcap, inPort, ctNext, skipBad } = options;
  const request = {
    flows,
    groups,
    ports,
    bridge,
    packet,
    pcap,
    inPort,
    ctNext,
    skipBad,
    ...(frame !== undefined && { frame: wholeNumber('--frame', frame, 1) }),
  };
  const tracer = new OfflineTracer(io);
  const format = options.json === true ? 'json' : options.format;
  if (format === 'json') {
    const answer: unknown = JSON.parse(await tracer.json(request));
    io.out(JSON.stringify(answer, null, 2));
  } else if (format === 'text') io.out(await tracer.text(request));
  else {
    const message = `--format is ${format}; a trace over dumps has the formats text and json`;
    throw new Failure('invalid', 'Usage', message, { field: 'format', value: format });
  }
}

export function traceCommand(program: Command, io: Io, client: Client): void {
  program
    .command('trace')
    .summary('explain what the network does with a packet')
    .description('Follows a packet table by table and node by node, and says why it ends there.')
    .argument('[from]', 'a VM (device id, port name, or name in the lab), a port or an address')
    .argument('[to]', 'likewise; an address may belong to nobody')
    .argument('[protocol]', 'icmp, icmp6, tcp/PORT, udp/PORT, sctp/PORT or ip/NUMBER', 'icmp')
    .addOption(
      new Option(
        '--source <source>',
        'live (the flows of the switches), intent, or a folder made by tianchi capture or packaging/capture.sh',
      ).default('live'),
    )
    .addOption(new Option('--format <format>').choices(Object.keys(FORMATS)).default('text'))
    .option('--json', 'the same as --format json')
    .addOption(
      new Option('--expect <verdict>', 'make the verdict the exit status').choices([
        'delivered',
        'dropped',
      ]),
    )
    .addOption(new Option('--family <version>', 'IP version').choices(['4', '6']))
    .option('--source-port <port>', 'of tcp, udp and sctp (default 40000)')
    .option('--size <bytes>', 'of the IP packet: says where a longer one than the MTU ends')
    .option('--counters', 'say how many packets each flow has counted (live only)')
    .option(
      '--batch',
      'read requests as NDJSON from stdin: {"id","from","to","proto"}, or with files {"id","flows","groups","ports","packet","ctNext"}',
    )
    .optionsGroup('One bridge from its dumps, without a server:')
    .option('--flows <file>', 'ovs-ofctl dump-flows, or add-flow lines; - is stdin')
    .option('--groups <file>', 'ovs-ofctl dump-groups, or add-group lines')
    .option('--ports <file>', 'ovs-appctl dpif/show')
    .option('--bridge <name>', 'which bridge, where --ports shows several')
    .option('--packet <packet>', 'in the words of a match, or the bytes of a frame in hex')
    .option('--pcap <file>', 'take the packet from a capture (pcap, pcapng)')
    .option('--frame <number>', 'which frame of the capture (default 1)')
    .option('--in-port <port>', 'where a frame comes in: a number or a name')
    .option('--ct-next <states...>', 'what conntrack finds, fork by fork (default trk|new)')
    .option('--skip-bad', 'go on without lines that cannot be read')
    .addHelpText('after', `\nOver a folder without topology.ndjson, FROM and TO are ${END_FORMS}.`)
    .addHelpText(
      'after',
      example(
        'tianchi trace vm1 vm3',
        'tianchi trace vm1 178.1.3.6 tcp/22 --json',
        'tianchi trace vm1 vm3 --source /tmp/cloud',
        'tianchi trace node1:tap1 node2:tap3,ip=10.0.0.3 tcp/22 --source /tmp/cloud',
        "tianchi trace --flows flows.txt --packet 'in_port=1,tcp,nw_dst=10.0.0.2,tp_dst=22'",
        "tianchi trace --flows flows.txt --groups groups.txt --ports ports.txt --pcap ping.pcap --in-port vhu1 --ct-next 'trk|est' --json",
      ),
    )
    .action(
      async (
        from: string | undefined,
        to: string | undefined,
        protocol: string,
        options: Options,
        command: Command,
      ) => {
        if (options.flows !== undefined) return await offlineOnce(io, options, options.flows);
        if (options.batch === true) return await batch(io, client, options.source);
        if (from === undefined || to === undefined) {
          command.error("error: missing required argument 'from' or 'to'");
        }
        const answer = await answerer(io, client, options.source);
        const trace = await answer({
          from,
          to,
          protocol,
          ...(options.family === undefined ? {} : { family: Number(options.family) }),
          ...(options.sourcePort === undefined
            ? {}
            : { source_port: wholeNumber('--source-port', options.sourcePort, 1) }),
          ...(options.size === undefined ? {} : { size: wholeNumber('--size', options.size, 68) }),
          ...(options.counters === undefined ? {} : { counters: options.counters }),
        });
        const format = options.json === true ? 'json' : options.format;
        io.out((await FORMATS[format]?.(trace, io)) ?? '');
        if (options.expect !== undefined && options.expect !== trace.verdict) {
          const why = trace.reason === null ? '' : `: ${trace.reason.message}`;
          throw new Failure(
            'conflict',
            'UnexpectedVerdict',
            `expected ${options.expect}, but the packet is ${trace.verdict}${why}`,
          );
        }
        return undefined;
      },
    );
}
