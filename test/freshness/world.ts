import nunjucks from 'nunjucks';
import type * as library from 'nunjucks-cachesweeper';
import { ObjectLoader } from '../support/loaders.ts';
import { GatedStore, Server, type Stage, tokenKey } from './gated-store.ts';
import { type Bump, CLOCK_SKEW, History, type Moment, type Rendered, type Shown } from './history.ts';
import { loadedBy, models, type Page, rowsOf, templates } from './pages.ts';
import type { Actor, Outcome, Scenario, Type } from './scenario.ts';
import { sleeper } from './sleeper.ts';
import { type Choose, Steps } from './steps.ts';

export type Library = Pick<typeof library, 'CacheSweeper' | 'lazy'>;
const MAX_DATA_AGE = 3_000;
/** By then nothing is provisional, and nothing late is served. */
const SETTLED = 60_000;
/** How long a process pauses between two looks at leases, in milliseconds: no other timer is that short. */
const SHORTEST_PAUSE = 10;
const LONGEST_PAUSE = 40;

/** Some processes of one site, that go through one scenario after the other. */
export class World {
  readonly #library: Library;
  readonly #sites = new Map<string, { sweeper: library.CacheSweeper; env: nunjucks.Environment }>();
  readonly #acquainted = new Set<string>();
  #time = 1_800_000_000_000;
  #moments = 0;
  #clocks: Readonly<Record<string, number>> = {};
  #server = new Server();
  #steps = new Steps(0);
  #history = new History();
  #counts = new Map<string, number>();
  /** What each actor is doing. */
  readonly #doing = new Map<string | undefined, { bump?: Bump; render?: Rendered }>();
  #faults = false;
  #takesBack = false;
  #page: Page = 'plain';
  #memory = true;
  #outage = 0;
  /** Pauses between two looks at leases of other processes. */
  readonly #pauses = new Set<() => void>();
  #isScheduled = false;
  #versions = new Map<string, number>();
  /** The ids of this scenario's rows: what earlier ones left in the memory of the processes is of other rows. */
  #id = 0;

  constructor(library: Library) {
    this.#library = library;
  }

  /** Runs one scenario in one order; undefined when `choose` gave up. */
  async run(scenario: Scenario, choose: Choose): Promise<Outcome | undefined> {
    const { now } = performance;
    const { setTimeout } = globalThis;
    // An outage is over when either clock says so: the computer's own shall not have a say here.
    if (scenario.outage !== undefined) performance.now = () => this.#time;
    const paused = (run: () => void, delay = 0, ...rest: []) =>
      delay >= SHORTEST_PAUSE && delay <= LONGEST_PAUSE ? this.#pause(run) : setTimeout(run, delay, ...rest);
    globalThis.setTimeout = Object.assign(paused, setTimeout) as typeof setTimeout;
    try {
      return await this.#run(scenario, choose);
    } finally {
      performance.now = now;
      globalThis.setTimeout = setTimeout;
    }
  }

  /**
   * A process looks at leases of others again when something was said about any, or time has passed: looks in between show nothing
   * new, and there would be no end of them.
   */
  #pause(run: () => void): void {
    if (this.#isScheduled) this.#pauses.add(run);
    else setImmediate(run);
  }

  #lookAgain(): void {
    const pauses = [...this.#pauses];
    this.#pauses.clear();
    for (const run of pauses) run();
  }

  async #run(scenario: Scenario, choose: Choose): Promise<Outcome | undefined> {
    await this.#acquaint(scenario);
    this.#begin(scenario);
    if (scenario.start === 'warm') await this.#warm();
    else if (scenario.start === 'tokens') await this.#makeTokens();
    const steps = new Steps(scenario.faults ?? 0);
    this.#steps = steps;
    sleeper.sleep = async () => void (await steps.turn('try again', {}));
    const started = scenario.actors.map((actor, i) => steps.act(`${actor.does}${i}`, () => this.#act(actor, `r${i}`)));
    this.#isScheduled = true;
    const isWhole = await steps.schedule(choose);
    this.#isScheduled = false;
    this.#lookAgain();
    await steps.free();
    await Promise.all(started);
    await this.#settleBumps();
    sleeper.sleep = undefined;
    if (!isWhole) return undefined;
    const unshared = await this.#probe();
    const { outage } = scenario;
    const rules = { maxDataAge: MAX_DATA_AGE, clocks: this.#clocks, ...(outage === undefined ? {} : { outage }) };
    const { violations, counts } = this.#history.judge(rules);
    return {
      steps: steps.taken,
      violations: [...violations, ...unshared],
      counts: { ...counts, ...Object.fromEntries(this.#counts) },
    };
  }

  /** What a page's tags read a process learns once, and keeps: it shall know as much in the first order as in the others. */
  async #acquaint(scenario: Scenario): Promise<void> {
    const processes = scenario.actors.flatMap((actor) => (actor.does === 'read' ? [actor.in] : []));
    for (const process of new Set(processes)) {
      const key = `${process} ${scenario.memory ?? true} ${scenario.outage ?? 0} ${scenario.page}`;
      if (this.#acquainted.has(key)) continue;
      this.#acquainted.add(key);
      this.#begin(scenario);
      await this.#probeOnce(process, `first-${process}`);
    }
  }

  #begin({ page, memory = true, clocks = {}, faults = 0, takesBack = false, outage = 0 }: Scenario): void {
    this.#time += 3_600_000;
    this.#id++;
    this.#page = page;
    this.#memory = memory;
    this.#outage = outage;
    this.#clocks = clocks;
    this.#server = new Server();
    this.#steps = new Steps(0);
    void this.#steps.free();
    this.#history = new History();
    this.#counts = new Map();
    this.#doing.clear();
    this.#faults = faults > 0;
    this.#takesBack = takesBack;
    this.#versions = new Map(Object.keys(models).map((type) => [type, 1]));
  }

  async #act(actor: Actor, id: string): Promise<void> {
    switch (actor.does) {
      case 'read':
        return this.#read(actor.in, id, actor.since === true, actor.page);
      case 'save':
        return this.#save(actor);
      case 'lose': {
        const names = actor.tokens === 'all' ? undefined : [`${actor.tokens}:=${this.#id}`];
        await this.#steps.turn('lose tokens', { writes: this.#tokens(names) });
        return this.#server.forgetTokens(names);
      }
      case 'wait':
        await this.#steps.turn(`wait ${actor.milliseconds}`, { all: true });
        this.#time += actor.milliseconds;
        this.#lookAgain();
    }
  }

  /** The store's names of tokens; all that this scenario can know when none are given. */
  #tokens(names: readonly string[] | undefined): string[] {
    const all = Object.keys(models).flatMap((type) => [type, `${type}:*`, `${type}:@*`, `${type}:=${this.#id}`]);
    return (names ?? ['*', ...all]).map((name) => tokenKey(name));
  }

  async #read(process: string, id: string, tellsSince: boolean, name = this.#page): Promise<void> {
    const loaded = loadedBy[name] ?? [];
    const types = rowsOf[name].filter((type) => !loaded.includes(type));
    if (types.length > 0) await this.#steps.turn('read data', { reads: types.map((type) => `row ${type}`) });
    // The request arrived just before.
    const arrived = this.#now(process);
    const reads = new Map(types.map((type) => [this.#row(type), this.#reading(type)]));
    const data = this.#rows(types);
    await this.#steps.turn('begin', { reads: ['bumps'] });
    const since = tellsSince ? { since: arrived } : undefined;
    const render: Rendered = { id, process, began: this.#moment(), reads, ...since };
    this.#history.renders.set(id, render);
    this.#doing.set(this.#steps.actor, { render });
    const load = this.#library.lazy(async (type: Type) => {
      await this.#steps.turn(`load ${type}`, { process, reads: [`row ${type}`] });
      reads.set(this.#row(type), this.#reading(type));
      return this.#rows([type])[type.toLowerCase()];
    });
    const context = { ...this.#rows(loaded, 0), ...data, load, by: id };
    const { sweeper, env } = this.#site(process);
    const { coalesced } = sweeper.stats().making;
    const page = JSON.parse(await sweeper.render(env, name, context, since)) as Shown[];
    Object.assign(render, { page, ended: this.#moment() });
    if (sweeper.stats().making.coalesced > coalesced) this.#count('handed over in a process');
  }

  #count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  async #save({ in: process, row: type, bump: kind = 'row' }: Extract<Actor, { does: 'save' }>): Promise<void> {
    await this.#steps.turn('save', { process, writes: [`row ${type}`] });
    this.#versions.set(type, (this.#versions.get(type) as number) + 1);
    const types = kind === 'all' ? (Object.keys(models) as Type[]) : [type];
    const rows = new Map(types.map((each) => [this.#row(each), this.#versions.get(each) as number]));
    const bump: Bump = { process, rows, began: this.#moment() };
    this.#history.bumps.push(bump);
    this.#doing.set(this.#steps.actor, { bump });
    const { sweeper } = this.#site(process);
    const model = kind === 'class' ? models[type] : this.#rows([type])[type.toLowerCase()];
    const options = kind === 'using' ? { using: 'version' } : {};
    try {
      await (kind === 'all' ? sweeper.invalidateAll() : sweeper.invalidateCacheFor(model, options));
      bump.acknowledged = this.#moment();
    } catch {
      bump.rejected = this.#moment();
    }
  }

  /** What was lost is delivered in the background. */
  async #settleBumps(): Promise<void> {
    for (const { sweeper } of this.#sites.values()) await sweeper.idle();
    for (const bump of this.#history.bumps) bump.acknowledged ??= this.#moment();
  }

  /** Every name gets a token, which is old when something begins. What is made from then on is stored for good. */
  async #makeTokens(): Promise<void> {
    await this.#probeOnce('c', 'before-c');
    this.#server.forgetEntries();
    this.#time += SETTLED;
  }

  /** First every name gets a token; what is made when those are old is stored for good. */
  async #warm(): Promise<void> {
    for (const process of ['c', 'a', 'b']) {
      await this.#read(process, `before-${process}`, false);
      await this.#site(process).sweeper.idle();
      if (process === 'c') this.#time += SETTLED;
    }
    this.#time += SETTLED;
    // Each has just read the tokens, so that it can do without them.
    if (this.#outage > 0) for (const process of ['a', 'b']) await this.#probeOnce(process, `knows-${process}`);
  }

  /** Renders by both processes at the end: at once, right behind the end of promise 2, and when all has settled. */
  async #probe(): Promise<string[]> {
    const slowest = Math.max(0, ...Object.values(this.#clocks).map((clock) => -clock));
    const ends = this.#history.minted
      .map(({ when }) => when.time + MAX_DATA_AGE + CLOCK_SKEW + slowest + 1)
      .filter((end) => end > this.#time);
    const times = [this.#time, Math.max(this.#time, ...ends), this.#time + SETTLED];
    for (const [i, time] of times.entries()) {
      this.#time = Math.max(this.#time, time);
      for (const process of ['a', 'b']) await this.#probeOnce(process, `${process}${i}`);
    }
    const pages = ['a', 'b'].map((process) => JSON.stringify(this.#history.renders.get(`${process}2`)?.page));
    return pages[0] === pages[1] ? [] : [`what a stored for good b did not find: ${pages.join(' ')}`];
  }

  async #probeOnce(process: string, id: string): Promise<void> {
    await this.#read(process, id, false);
    await this.#site(process).sweeper.idle();
  }

  #site(process: string): { sweeper: library.CacheSweeper; env: nunjucks.Environment } {
    const key = `${process} ${this.#memory} ${this.#outage}`;
    const known = this.#sites.get(key);
    if (known !== undefined) return known;
    const sweeper = new this.#library.CacheSweeper({
      store: new GatedStore(process, () => this.#stage),
      now: () => this.#now(process),
      // Calls that wait for their turn do not time out.
      timeout: '10m',
      onError: () => {},
      onRender: ({ fragments }) => {
        const stale = fragments.filter(({ reason }) => reason === 'stale').length;
        if (stale > 0) this.#counts.set('stale', (this.#counts.get('stale') ?? 0) + stale);
      },
      memory: this.#memory ? { maxBytes: 1_000_000 } : false,
      outage: `${this.#outage}ms`,
      // Every order must go the same way each time.
      early: 0,
    });
    const env = sweeper.install(new nunjucks.Environment(new ObjectLoader(templates) as nunjucks.ILoader));
    this.#sites.set(key, { sweeper, env });
    return { sweeper, env };
  }

  get #stage(): Stage {
    return {
      steps: this.#steps,
      server: this.#server,
      time: () => this.#time,
      clockOf: (process) => this.#now(process),
      faults: this.#faults,
      takesBack: this.#takesBack,
      wrote: (names, madeAt) => {
        const when = { ...this.#moment(), time: madeAt };
        for (const name of names) this.#history.minted.push({ name, when });
        const { bump, render } = this.#doing.get(this.#steps.actor) ?? {};
        if (bump !== undefined) {
          bump.written ??= when;
          bump.carriedOut = this.#moment();
        }
        if (render !== undefined) render.knew = this.#moment();
      },
      readTokens: () => {
        const { render } = this.#doing.get(this.#steps.actor) ?? {};
        if (render !== undefined) render.knew = this.#moment();
      },
      askedInVain: () => {
        const { render } = this.#doing.get(this.#steps.actor) ?? {};
        if (render !== undefined) render.hasAskedInVain = true;
      },
      toldOfLeases: () => this.#lookAgain(),
      counts: this.#counts,
    };
  }

  #now(process: string): number {
    return this.#time + (this.#clocks[process] ?? 0);
  }

  #moment(): Moment {
    return { at: ++this.#moments, time: this.#time };
  }

  #row(type: Type): string {
    return `${type}:${this.#id}`;
  }

  #reading(type: Type): { version: number; when: Moment } {
    return { version: this.#versions.get(type) as number, when: this.#moment() };
  }

  #rows(types: readonly Type[], version?: number): Record<string, object> {
    return Object.fromEntries(
      types.map((type) => {
        const row = new models[type](this.#id, version ?? (this.#versions.get(type) as number));
        return [type.toLowerCase(), row];
      }),
    );
  }
}
