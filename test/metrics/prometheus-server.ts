import { writeFileSync } from 'node:fs';
import { freePort, ServerProcess, serverFolder } from '../support/server-process.ts';

const PROGRAM = {
  command: process.env.PROMETHEUS ?? 'prometheus',
  remedy:
    'install the package prometheus (apt-get install prometheus, brew install prometheus) or name it in PROMETHEUS',
};

/** A real Prometheus that scrapes one address five times a second. */
export class Prometheus extends ServerProcess {
  static async start(target: string): Promise<Prometheus> {
    const folder = serverFolder();
    const config = {
      global: { scrape_interval: '200ms', scrape_timeout: '200ms' },
      scrape_configs: [{ job_name: 'site', static_configs: [{ targets: [target] }] }],
    };
    // JSON is YAML.
    writeFileSync(`${folder}/prometheus.yml`, JSON.stringify(config));
    const port = await freePort();
    const server = new Prometheus(PROGRAM, port, [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ]);
    await server.start();
    return server;
  }

  /** Returns the values that a query gives now. An error in it is thrown. */
  async query(query: string): Promise<readonly number[]> {
    const response = await fetch(`http://${this.address}/api/v1/query?${new URLSearchParams({ query })}`);
    const { data, error } = (await response.json()) as {
      data?: { result: { value: [number, string] }[] };
      error?: string;
    };
    // It answers so until it has read what it wrote before.
    if (response.status === 503) return [];
    if (data === undefined) throw new Error(`${query}: ${error}`);
    return data.result.map(({ value: [, value] }) => Number(value));
  }
}
