/**
 * Settings of a deployer that runs containers on one engine (Docker, or Podman's service). `{project}` and `{stage}` in
 * names, aliases and volumes stand for the stage that is deployed.
 */
import { z } from 'zod'
import { keyOf } from '../../../connectors/webhook/sign.ts'
import { duration, secret } from '../../../kernel/settings.ts'
import { parsePort, parseSize, parseVolume } from './docker-notation.ts'

const text = () => z.string().min(1)
const second = 1000

const name = z
  .string()
  .regex(
    /^(?:[A-Za-z0-9]|\{project\}|\{stage\})(?:[A-Za-z0-9_.-]|\{project\}|\{stage\})*$/,
    'is no name of a container\nwrite letters, digits and _ . -, and {project} and {stage}',
  )

const port = z
  .string()
  .refine(
    (given) => parsePort(given) !== null,
    "is no port\nwrite '8080:80', '127.0.0.1:8080:80' or '53:53/udp'; a port that the host does not open needs none",
  )

const volume = z
  .string()
  .refine(
    (given) => parseVolume(given) !== null,
    "is no volume\nwrite '/on/the/host:/inside', 'name:/inside', and ':ro' after it if need be",
  )

const size = z
  .string()
  .refine((given) => parseSize(given) !== null, "is no size\nwrite it as '256m' or '2g'")
  .transform((given) => parseSize(given)!)

const container = z.strictObject({
  name: name.default('{project}-{stage}').describe('What the container is called'),
  env: z.record(z.string().regex(/^[^=\s]+$/, 'is no name of a variable'), z.string()).default({}),
  ports: z.array(port).default([]).describe("Ports that the host opens: '127.0.0.1:8080:80'"),
  volumes: z.array(volume).default([]),
  networks: z.array(text()).default([]).describe('Networks that it joins; they have to be there'),
  network_mode: text().optional().describe('host, none, or another that the engine knows; excludes networks'),
  command: z.array(z.string()).min(1).optional().describe("Default: the image's"),
  entrypoint: z.array(z.string()).min(1).optional().describe("Default: the image's"),
  working_dir: text().optional(),
  user: text().optional(),
  hostname: text().optional(),
  labels: z
    .record(text(), z.string())
    .default({})
    .refine((given) => Object.keys(given).every((key) => !key.startsWith('regista.')), 'regista.* are labels of ours'),
  restart: z
    .enum(['no', 'on-failure', 'unless-stopped'])
    .default('unless-stopped')
    .describe('always is none of them: old containers, which are kept stopped, would start with the engine'),
  memory: size.optional().describe("Most memory: '256m'"),
  cpus: z.number().positive().optional().describe('Most processors: 0.5'),
  extra_hosts: z
    .array(z.string().regex(/^[^\s:]+:\S+$/, "is no host\nwrite 'name:address'"))
    .default([])
    .describe("Lines of /etc/hosts: 'db:10.0.0.5'"),
  cap_add: z.array(text()).default([]),
  cap_drop: z.array(text()).default([]),
  security_opt: z.array(text()).default([]),
  read_only: z.boolean().default(false).describe('Its root file system cannot be written'),
  init: z.boolean().default(false).describe('Run an init that reaps processes and passes signals on'),
})

const tcpPort = z.int().min(1).max(65_535)

const probe = z
  .strictObject({
    http: z
      .strictObject({
        port: tcpPort,
        path: z.string().startsWith('/').default('/'),
        status: z.int().min(100).max(599).optional().describe('Default: 200 to 399'),
        host: text().optional().describe('Where to ask; default: the address of the container, else 127.0.0.1'),
      })
      .optional()
      .describe('Ask it'),
    tcp: z.strictObject({ port: tcpPort, host: text().optional() }).optional().describe('Connect to it'),
    exec: z.array(z.string()).min(1).optional().describe('Run this in it; 0 is well'),
    health: z
      .boolean()
      .default(false)
      .describe("Wait for the image's HEALTHCHECK; Podman's service runs it only with systemd"),
    interval: duration({ least: 10, most: 600 * second })
      .default(second)
      .describe('Between two probes'),
    timeout: duration({ least: 50, most: 600 * second })
      .default(5 * second)
      .describe('Of one probe'),
    successes: z.int().min(1).max(100).default(3).describe('In a row, and without a restart in between'),
    start_delay: duration().default(0).describe('Before the first probe'),
    within: duration({ least: second })
      .default(120 * second)
      .describe('Longest until it is healthy'),
  })
  .describe(
    'When the new container counts as healthy; without any of http, tcp, exec and health: that it goes on running',
  )

const toggle = z.strictObject({
  url: secret()
    .refine((given) => /^https?:\/\//.test(given) && URL.canParse(given), 'is no address\nwrite https://host/path')
    .describe('Is sent a POST that names the new container and the old one; 2xx: traffic goes to the new one'),
  secret: secret()
    .refine(
      (given) => keyOf(given) !== null,
      'is no secret of Standard Webhooks\nmake one: echo "whsec_$(openssl rand -base64 32)"',
    )
    .describe('Signs it (Standard Webhooks)'),
  timeout: duration({ least: 100, most: 60 * second }).default(10 * second),
})

export const dockerDeployer = z
  .strictObject({
    socket: text().optional().describe('Socket of the engine; /var/run/docker.sock, unless host is given'),
    host: z
      .string()
      .regex(/^(?:tcp|https?):\/\/[^\s/@?#]+\/?$/, 'is no address of an engine\nwrite tcp://10.0.0.1:2376')
      .optional()
      .describe('Engine of another machine: tcp://10.0.0.1:2376'),
    tls: z
      .strictObject({
        ca: text().optional().describe('PEM file of the authority'),
        cert: text().optional().describe('PEM file that we show'),
        key: text().optional().describe('PEM file of its key'),
      })
      .optional()
      .describe('Files for host'),
    container: container.prefault({}),
    mode: z
      .enum(['blue-green', 'fixed-port'])
      .optional()
      .describe(
        'blue-green: the new one runs beside the old one until it is healthy; fixed-port: the old one is stopped first, and started again if need be; default: fixed-port where the host opens ports, or its network is used',
      ),
    probe: probe.prefault({}),
    alias: name.optional().describe('Name in the networks that is moved from the old container to the new one'),
    switch: toggle.optional().describe('Who is told to send traffic to the new container'),
    drain: duration({ most: 3600 * second })
      .default(0)
      .describe('Time for the old one to finish, after traffic goes to the new one'),
    keep: z.int().min(0).max(20).default(1).describe('Old containers that are kept, stopped'),
    stop_timeout: duration({ least: 0, most: 3600 * second })
      .default(10 * second)
      .describe('Until a container that is stopped is killed'),
    pull_timeout: duration({ least: second }).default(900 * second),
    timeout: duration({ least: second })
      .default(1800 * second)
      .describe('Of a deploy in all'),
  })
  .superRefine((given, context) => {
    const refuse = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message })
    const { socket, host, tls, container: one, mode, alias } = given
    if (socket !== undefined && host !== undefined) refuse(['socket'], 'is given beside host\nkeep one of the two')
    if (tls !== undefined && host === undefined) refuse(['tls'], 'is for host\na socket needs none')
    if (tls !== undefined && (tls.cert === undefined) !== (tls.key === undefined)) {
      refuse(['tls'], 'has a cert without its key, or a key without its cert\ngive both')
    }
    if (host?.startsWith('http:') && tls !== undefined) refuse(['host'], 'is http://\nwrite tcp:// or https://')
    if (one.network_mode !== undefined && one.networks.length > 0) {
      refuse(['container', 'networks'], 'are given beside network_mode\nkeep one of the two')
    }
    if (mode === 'blue-green' && one.ports.length > 0) {
      refuse(
        ['mode'],
        'cannot be blue-green where the host opens ports: two containers cannot have one\nwrite fixed-port',
      )
    }
    if (alias !== undefined && one.networks.length === 0) {
      refuse(['alias'], 'is a name within networks\nname one in container.networks')
    }
    if (alias !== undefined && modeOf(given) === 'fixed-port') {
      refuse(['alias'], 'is for blue-green\nleave it out: the name of the container is known in its networks')
    }
  })

export type DockerSettings = z.infer<typeof dockerDeployer>
export type ContainerSettings = DockerSettings['container']
export type ProbeSettings = DockerSettings['probe']

export function modeOf(settings: {
  readonly mode?: 'blue-green' | 'fixed-port' | undefined
  readonly container: { readonly ports: readonly string[]; readonly network_mode?: string | undefined }
}): 'blue-green' | 'fixed-port' {
  const { ports, network_mode: network } = settings.container
  return settings.mode ?? (ports.length > 0 || network === 'host' ? 'fixed-port' : 'blue-green')
}
