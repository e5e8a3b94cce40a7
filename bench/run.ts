/** Runs every measurement, prints what came out and writes it to bench/results.json. */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { benchApi, type ApiFigures } from './api.ts';
import { benchCompile, type CompileFigures } from './compile.ts';
import { benchControl, sayControl } from './control.ts';
import { sayDatapath } from './datapath-report.ts';
import { benchDatapath } from './datapath.ts';
import { benchOffline, type OfflineFigures, type OfflineSpeeds } from './offline.ts';
import { benchRequests, sayRequests } from './requests.ts';
import { benchTrace, type TraceFigures } from './trace.ts';
import { benchWire, type WireFigures } from './wire.ts';
import { benchZooKeeper, sayZooKeeper } from './zookeeper.ts';

/** Beside the sources, not beside what they are compiled to. */
const RESULTS = 'bench/results.json';
/** Of the time of one port at 10,000 ports to that at 1,000. */
const GROWTH_ALLOWED = 1.5;

const say = (line = ''): void => void process.stdout.write(`${line}\n`);
const number = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 3 });

function sayCompile({ full, changes }: CompileFigures): void {
  say('compile: one VPC, 10 nodes, one security group that trusts itself');
  for (const { ports, oneNodeMs, flowsOfOneNode, allNodesMs, compilerHeapMiB } of full) {
    say(
      `  ${number(ports).padStart(6)} ports: ${number(oneNodeMs)} ms a node` +
        ` (${number(flowsOfOneNode)} flows, ${number(compilerHeapMiB)} MiB kept),` +
        ` ${number(allNodesMs)} ms all nodes`,
    );
  }
  say('  one change, µs to its delta'.padEnd(36) + '1,000    10,000    ratio');
  for (const { change, at1000Us, at10000Us, ratio } of changes) {
    say(
      `    ${change}`.padEnd(36) +
        number(at1000Us).padStart(5) +
        number(at10000Us).padStart(10) +
        number(ratio).padStart(9) +
        (ratio < GROWTH_ALLOWED ? '' : `   more than ${GROWTH_ALLOWED}`),
    );
  }
}

function sayTrace(figures: TraceFigures): void {
  const { ofprotoTracePacketsPerSecond: peer, legsRatio, packetsRatio } = figures;
  say('trace: VM1 to VM3, both bridges of both nodes');
  say(
    `  ${number(figures.tracesPerSecond)} traces/s of 3 explained legs` +
      ` (${number(figures.legsPerSecond)} legs/s)`,
  );
  say(`  ${number(figures.packetsPerSecond)} packets/s through the simulated switches`);
  if (peer === null) {
    say('  ofproto/trace: Open vSwitch is not installed');
    return;
  }
  say(
    `  ${number(peer)} packets/s by ofproto/trace: explained legs ${number(legsRatio ?? 0)} times` +
      ` as many, bare packets ${number(packetsRatio ?? 0)} times`,
  );
}

function sayOffline(figures: OfflineFigures): void {
  say('traces over dumps, against ofproto/trace of the switch that was dumped');
  if (figures === null) {
    say('  Open vSwitch is not installed');
    return;
  }
  const compare = (what: string, speeds: OfflineSpeeds) => {
    const { tracesPerSecond, ofprotoTracesPerSecond, ratio } = speeds;
    const { executionsPerSecond, batchPerSecond } = speeds;
    say(
      `  ${what}: ${number(tracesPerSecond)} traces/s, text to text;` +
        ` ofproto/trace ${number(ofprotoTracesPerSecond)}: ${number(ratio)} times`,
    );
    say(
      `    the simulated switch alone ${number(executionsPerSecond)}/s;` +
        ` trace --batch ${number(batchPerSecond)} lines/s`,
    );
  };
  compare("the record's br-int", figures.record);
  compare(`a table of ${number(figures.flows)} flows`, figures.table);
  say(
    `  reading them: ${number(figures.parseMs)} ms, ovs-ofctl parse-flows` +
      ` ${number(figures.ofctlParseMs)} ms: ${number(figures.parseRatio)} times as long`,
  );
}

function sayApi(figures: ApiFigures): void {
  const { clients, ports, portsPerSecond, medianMs, p99Ms, storePortsPerSecond, ratio } = figures;
  const { emptyServer, serverWithPorts } = figures;
  say(`api: ${number(ports)} ports created over REST by ${clients} clients, each durable`);
  say(
    `  ${number(portsPerSecond)} ports/s, median ${number(medianMs)} ms, p99 ${number(p99Ms)} ms;` +
      ` ${number(ratio)} of the bare store's ${number(storePortsPerSecond)}/s`,
  );
  say(
    `  server memory with them: ${number(serverWithPorts.rssMiB)} MiB resident,` +
      ` ${number(serverWithPorts.heapMiB)} MiB heap` +
      ` (empty: ${number(emptyServer.rssMiB)} and ${number(emptyServer.heapMiB)})`,
  );
}

function sayWire({ flows, encodeMs, decodeMs, bytesPerFlow }: WireFigures): void {
  say(`openflow: ${number(flows)} flows of the walkthrough, ${number(bytesPerFlow)} bytes each`);
  say(`  ${number(encodeMs)} ms into a bundle, ${number(decodeMs)} ms out of a dump`);
}

const compile = benchCompile();
sayCompile(compile);
say();
const trace = await benchTrace();
sayTrace(trace);
say();
const offline = await benchOffline();
sayOffline(offline);
say();
const wire = benchWire();
sayWire(wire);
say();
const api = await benchApi();
sayApi(api);
say();
const requests = await benchRequests();
sayRequests(requests, say);
say();
const zookeeper = await benchZooKeeper();
sayZooKeeper(zookeeper, say);
say();
const control = await benchControl();
sayControl(control, say);
say();
const datapath = await benchDatapath();
sayDatapath(datapath, say);

const machine = { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, node: process.version };
const figures = {
  machine,
  compile,
  trace,
  offline,
  wire,
  api,
  requests,
  zookeeper,
  control,
  datapath,
};
writeFileSync(RESULTS, `${JSON.stringify(figures, null, 2)}\n`);
say();
say(`written to ${RESULTS}`);
