/** A real switch to ask `ofproto/trace` of: one bridge of dummy ports, and its control socket. */
import { controlSocket, Unixctl } from '../../src/net/unixctl.ts';
import { startOvs, type Sandbox } from './ovs.ts';

export interface TracedSwitch {
  readonly sandbox: Sandbox;
  readonly unixctl: Unixctl;
  readonly stop: () => void;
}

/** Starts one with the bridge `br0` and its ports `p1`, `p2` …, by ofport; stop it in `afterAll`. */
export async function startTracedSwitch(ofports: readonly number[]): Promise<TracedSwitch> {
  const sandbox = await startOvs();
  sandbox.addBridge('br0');
  for (const ofport of ofports) sandbox.addPort('br0', `p${ofport}`, ofport);
  const unixctl = new Unixctl(controlSocket(sandbox.dir));
  return {
    sandbox,
    unixctl,
    stop: () => {
      unixctl.close();
      sandbox.stop();
    },
  };
}
