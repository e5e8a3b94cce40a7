/** `trace --flows …` and the requests of `trace --batch` that name files: no server, only dumped text. */
import { readFile } from 'node:fs/promises';
import { Failure } from '../../base/failure.ts';
import type { FlowKey } from '../../openflow/fields.ts';
import type * as Offline from '../../trace/offline/index.ts';
import type { LoadedBridge } from '../../trace/offline/index.ts';
import type { Json } from '../client.ts';
import type { Io } from '../io.ts';

/** What to trace through which dumps; files by path, `-` is stdin. */
export interface OfflineRequest {
  readonly flows: string;
  readonly groups?: string | undefined;
  readonly ports?: string | undefined;
  readonly bridge?: string | undefined;
  readonly packet?: string | undefined;
  readonly pcap?: string | undefined;
  /** From 1. */
  readonly frame?: number | undefined;
  readonly inPort?: string | undefined;
  readonly ctNext?: readonly string[] | undefined;
  readonly skipBad?: boolean | undefined;
}

type OfflineModule = typeof Offline;

interface Loaded {
  readonly bridge: LoadedBridge;
  readonly offline: OfflineModule;
}

interface Asked {
  readonly bridge: LoadedBridge;
  readonly key: FlowKey;
  /** ct_state of the forks. */
  readonly states: readonly number[];
}

function usage(message: string, field: string): Failure {
  return new Failure('invalid', 'Usage', message, { field });
}

function unreadable(path: string, error: unknown): Failure {
  const why = error instanceof Error ? error.message : String(error);
  return new Failure('not_found', 'FileNotReadable', `cannot read '${path}': ${why}`, {
    value: path,
  });
}

/** Whether the packet is given as bytes. */
const asFrame = ({ packet }: OfflineRequest, { isFrame }: OfflineModule): boolean =>
  packet === undefined || isFrame(packet);

const part = (named: string | undefined): string => (named === undefined ? '' : `:${named}`);

/** What a bridge is made of, in one text. */
const filesOf = ({ flows, groups, ports, bridge, skipBad = false }: OfflineRequest): string =>
  `${flows}\0${part(groups)}\0${part(ports)}\0${part(bridge)}\0${skipBad}`;

/** Traces through dumps; each file is read once, and bridges made of the same files are shared. */
export class OfflineTracer {
  readonly #io: Io;
  readonly #files = new Map<string, Promise<Uint8Array>>();
  /** By the files that they are made of. */
  readonly #bridges = new Map<string, Promise<LoadedBridge>>();
  readonly #loaded = new Map<string, Loaded>();
  #offline: Promise<OfflineModule> | undefined;

  constructor(io: Io) {
    this.#io = io;
  }

  /**
   * The answer in one line of JSON.
   * @throws {Failure} for what is wrong with the request, a file or the packet.
   */
  async json(request: OfflineRequest): Promise<string> {
    const offline = await this.#module();
    const { bridge, key, states } = await this.#asked(request);
    return offline.traceLine(bridge, key, states, { asFrame: asFrame(request, offline) });
  }

  /** The same without waiting; null where something is to be read first. */
  jsonAtOnce(request: OfflineRequest): string | null {
    const { packet, pcap, inPort, ctNext = [] } = request;
    const loaded = this.#loaded.get(filesOf(request));
    if (loaded === undefined || packet === undefined || pcap !== undefined) return null;
    const { bridge, offline } = loaded;
    const port = inPort === undefined ? null : offline.parseInPort(inPort, bridge.portNumbers);
    return offline.answerLine(bridge, packet, port, ctNext.map(offline.parseCtState));
  }

  /** The same for people. */
  async text(request: OfflineRequest): Promise<string> {
    const offline = await this.#module();
    const { bridge, key, states } = await this.#asked(request);
    const following = { asFrame: asFrame(request, offline), ambiguity: true };
    return offline.renderOffline(offline.traceOffline(bridge, key, states, following), bridge);
  }

  async #asked(request: OfflineRequest): Promise<Asked> {
    const { parseCtState } = await this.#module();
    const states = (request.ctNext ?? []).map(parseCtState);
    const bridge = await this.#bridge(request);
    return { bridge, key: await this.#packet(request, bridge), states };
  }

  #module(): Promise<OfflineModule> {
    return (this.#offline ??= import('../../trace/offline/index.ts'));
  }

  async #packet(request: OfflineRequest, bridge: LoadedBridge): Promise<FlowKey> {
    const { packetOfCapture, parseInPort, readPacket } = await this.#module();
    const { packet, pcap, frame = 1, inPort } = request;
    const port = inPort === undefined ? null : parseInPort(inPort, bridge.portNumbers);
    if (pcap !== undefined && packet !== undefined) {
      throw usage('packet and pcap are both given; one of them says what to trace', 'packet');
    }
    if (pcap !== undefined) {
      return packetOfCapture({ name: pcap, bytes: await this.#file(pcap) }, frame, port);
    }
    if (packet !== undefined) return readPacket(packet, bridge.textOptions, port);
    throw usage(
      "no packet: give --packet 'in_port=1,tcp,nw_dst=10.0.0.2' or --pcap FILE",
      'packet',
    );
  }

  #bridge(request: OfflineRequest): Promise<LoadedBridge> {
    const key = filesOf(request);
    let loaded = this.#bridges.get(key);
    if (loaded === undefined) {
      loaded = this.#load(request);
      this.#bridges.set(key, loaded);
    }
    return loaded;
  }

  async #load(request: OfflineRequest): Promise<LoadedBridge> {
    const { flows, groups, ports, bridge: name, skipBad } = request;
    const offline = await this.#module();
    const source = async (path: string) => ({ name: path, text: await this.#text(path) });
    const bridge = offline.loadBridge({
      flows: await source(flows),
      groups: groups === undefined ? undefined : await source(groups),
      ports: ports === undefined ? undefined : await source(ports),
      bridge: name,
      skipBad,
    });
    this.#loaded.set(filesOf(request), { bridge, offline });
    return bridge;
  }

  async #text(path: string): Promise<string> {
    return new TextDecoder().decode(await this.#file(path));
  }

  #file(path: string): Promise<Uint8Array> {
    let bytes = this.#files.get(path);
    if (bytes === undefined) {
      bytes = path === '-' ? this.#stdin() : readFile(path);
      bytes = bytes.catch((error: unknown) => {
        throw unreadable(path, error);
      });
      this.#files.set(path, bytes);
    }
    return bytes;
  }

  async #stdin(): Promise<Uint8Array> {
    let text = '';
    for await (const piece of this.#io.stdin()) text += piece;
    return new TextEncoder().encode(text);
  }
}

function optional<T>(
  request: Json,
  name: string,
  right: string,
  is: (value: unknown) => value is T,
): T | undefined {
  const value = request[name] ?? undefined;
  if (value === undefined || is(value)) return value;
  throw new Failure(
    'invalid',
    'InvalidInput',
    `${name} is ${JSON.stringify(value)}; it must be ${right}`,
    { field: name, value },
  );
}

const isString = (value: unknown): value is string => typeof value === 'string';
const isFrame = (value: unknown): value is number => Number.isInteger(value) && Number(value) > 0;
const isFlag = (value: unknown): value is boolean => typeof value === 'boolean';
const isPort = (value: unknown): value is string | number =>
  typeof value === 'string' || Number.isInteger(value);
const isStates = (value: unknown): value is string | readonly string[] =>
  typeof value === 'string' || (Array.isArray(value) && value.every(isString));

/**
 * A line of a batch that names flows.
 * @throws {Failure} `invalid` with field, value and what would be right.
 */
export function offlineRequest(request: Json): OfflineRequest {
  const path = (name: string) => optional(request, name, 'the path of a file', isString);
  const flows = path('flows');
  if (flows === undefined) throw usage('flows is missing; it must be the path of a file', 'flows');
  const inPort = optional(request, 'inPort', 'a port number or name', isPort);
  const ctNext = optional(request, 'ctNext', 'a list such as ["trk|new","trk|est"]', isStates);
  return {
    flows,
    groups: path('groups'),
    ports: path('ports'),
    bridge: optional(request, 'bridge', 'the name of a bridge', isString),
    packet: optional(
      request,
      'packet',
      'a packet such as "in_port=1,tcp,nw_dst=10.0.0.2"',
      isString,
    ),
    pcap: path('pcap'),
    frame: optional(request, 'frame', 'a number from 1', isFrame),
    inPort: inPort === undefined ? undefined : String(inPort),
    ctNext: typeof ctNext === 'string' ? [ctNext] : ctNext,
    skipBad: optional(request, 'skipBad', 'true or false', isFlag),
  };
}
