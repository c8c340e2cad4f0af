/**
 * Machines within this one: network namespaces of Linux, each with a link of its own to this system, which has a latency and a bandwidth: by
 * `tc netem`, or by slow-link.ts where the kernel has no netem. Needs root and iproute2.
 */
import { spawnSync } from "node:child_process";
import { commandLine } from "../cli/child.ts";
import { Running } from "../cluster/processes.ts";
import { SlowLink } from "./slow-link.ts";

export interface Link {
  /** Milliseconds in each direction. */
  readonly delay: number;
  /** Mbit/s in each direction. */
  readonly rate: number;
}

/** Where a server listens for all of them. */
export const SERVER_ADDRESS = "10.77.20.1";
const PREFIX = "mz";

/** Runs a command of the system; returns what it complained of, if it failed. */
function complaint(line: string): string | undefined {
  const [command, ...args] = line.split(" ");
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (error !== undefined) return error.message;
  return status === 0 ? undefined : `${line}: ${stderr.trim()}`;
}

function run(line: string): void {
  const reason = complaint(line);
  if (reason !== undefined) throw new Error(reason);
}

export class DistantMachines {
  private readonly count: number;
  private readonly link: Link;
  private readonly links: SlowLink[] = [];
  /** Whether the kernel delays packets; if not, slow-link.ts delays bytes. */
  readonly hasNetem: boolean;

  /** @throws Error if the system does not let this process make them */
  constructor(count: number, link: Link) {
    this.count = count;
    this.link = link;
    this.end(); // what a killed run left
    try {
      run(`ip address add ${SERVER_ADDRESS}/32 dev lo`);
      for (let index = 0; index < count; index++) this.make(index);
      const delayed = Array.from({ length: count }, (_, index) => this.delays(index));
      this.hasNetem = delayed.every(Boolean);
    } catch (error) {
      this.end();
      throw error;
    }
  }

  /** Why there can be none here; undefined if there can. */
  static obstacle(): string | undefined {
    try {
      new DistantMachines(1, { delay: 1, rate: 100 }).end();
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** The address by which each machine reaches the server at `url`. */
  async reach(url: string): Promise<string[]> {
    const { port } = new URL(url);
    const addresses = Array.from({ length: this.count }, (_, index) => this.here(index));
    if (this.hasNetem) return addresses.map(() => url);
    for (const address of addresses) {
      this.links.push(await SlowLink.open(address, SERVER_ADDRESS, Number(port), this.link));
    }
    return addresses.map((address) => `nats://${address}:${port}`);
  }

  /** The start of a command line that runs on a machine. */
  prefix(index: number): readonly string[] {
    return ["ip", "netns", "exec", this.name(index)];
  }

  end(): void {
    for (const link of this.links) link.close();
    for (let index = 0; index < this.count; index++) {
      complaint(`ip netns delete ${this.name(index)}`);
      complaint(`ip link delete ${this.near(index)}`);
    }
    complaint(`ip address delete ${SERVER_ADDRESS}/32 dev lo`);
  }

  private make(index: number): void {
    const [name, near] = [this.name(index), this.near(index)];
    run(`ip netns add ${name}`);
    run(`ip link add ${near} type veth peer name eth0 netns ${name}`);
    run(`ip address add ${this.here(index)}/30 dev ${near}`);
    run(`ip link set ${near} up`);
    run(`ip -n ${name} address add ${this.here(index).replace(/1$/, "2")}/30 dev eth0`);
    run(`ip -n ${name} link set lo up`);
    run(`ip -n ${name} link set eth0 up`);
    run(`ip -n ${name} route add default via ${this.here(index)}`);
  }

  /** Has the kernel delay a machine's packets in both directions; returns whether it can. */
  private delays(index: number): boolean {
    const netem = `root netem delay ${this.link.delay}ms rate ${this.link.rate}mbit limit 20000`;
    const lines = [`tc qdisc add dev ${this.near(index)} ${netem}`];
    lines.push(`ip netns exec ${this.name(index)} tc qdisc add dev eth0 ${netem}`);
    return lines.every((line) => complaint(line) === undefined);
  }

  /** This system's end of a machine's link. */
  private here(index: number): string {
    return `10.77.${100 + index}.1`;
  }

  private name(index: number): string {
    return `${PREFIX}-${index}`;
  }

  private near(index: number): string {
    return `${PREFIX}v${index}`;
  }
}

/** The program on a distant machine: its arguments follow the command line's prefix and `--`. */
export class RunningThere extends Running {
  protected override lineOf(args: string[]): [string, string[]] {
    const end = args.indexOf("--");
    const [command, line] = commandLine(args.slice(end + 1));
    return [args[0], [...args.slice(1, end), command, ...line]];
  }
}
