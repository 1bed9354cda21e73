/** What the engine is told of a container that it is to make (`POST /containers/create`). */
import type { EngineContainer } from '../../../connectors/docker/client.ts'
import type { Digest } from '../../../kernel/digest.ts'
import type { DeployRequest } from './deployer.ts'
import type { ContainerSettings } from './docker-config.ts'
import { fill, labels } from './docker-names.ts'
import { parsePort } from './docker-notation.ts'

/** By digest, and never by a tag: that may be another image by now. */
export function referenceOf({ release }: Pick<DeployRequest, 'release'>): string {
  return `${release.repository}@${digestOf(release.digest)}`
}

export function digestOf(digest: Digest): string {
  return digest.includes(':') ? digest : `sha256:${digest}`
}

export function specOf(
  settings: ContainerSettings,
  request: DeployRequest,
  config: Digest,
  blue: EngineContainer | null,
): Readonly<Record<string, unknown>> {
  const { stage, release, effectId } = request
  const ports = settings.ports.map((text) => parsePort(text)!)
  // One network with it, and the others afterwards: before API 1.44 more are refused.
  const [network] = settings.networks
  return {
    Image: referenceOf(request),
    Env: Object.entries(settings.env).map(([name, value]) => `${name}=${value}`),
    Cmd: settings.command,
    Entrypoint: settings.entrypoint,
    WorkingDir: settings.working_dir,
    User: settings.user,
    Hostname: settings.hostname,
    Labels: {
      ...settings.labels,
      [labels.project]: stage.project,
      [labels.stage]: stage.key,
      [labels.tag]: release.tag,
      [labels.digest]: digestOf(release.digest),
      [labels.revision]: release.revision,
      [labels.deploy]: effectId,
      [labels.config]: config,
      [labels.replaces]: blue?.id ?? '',
      [labels.replacesRunning]: String(blue !== null && (blue.running || blue.restarting)),
    },
    ExposedPorts: Object.fromEntries(ports.map(({ inside }) => [inside, {}])),
    HostConfig: {
      NetworkMode: settings.network_mode ?? network,
      PortBindings: bindingsOf(ports),
      Binds: settings.volumes.map((text) => fill(text, stage)),
      RestartPolicy: { Name: settings.restart },
      Memory: settings.memory,
      NanoCpus: settings.cpus === undefined ? undefined : Math.round(settings.cpus * 1e9),
      ExtraHosts: settings.extra_hosts,
      CapAdd: settings.cap_add,
      CapDrop: settings.cap_drop,
      SecurityOpt: settings.security_opt,
      ReadonlyRootfs: settings.read_only,
      Init: settings.init ? true : undefined,
    },
    ...(network !== undefined && { NetworkingConfig: { EndpointsConfig: { [network]: {} } } }),
  }
}

function bindingsOf(ports: readonly NonNullable<ReturnType<typeof parsePort>>[]) {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {}
  for (const { inside, hostIp, hostPort } of ports) {
    ;(bindings[inside] ??= []).push({ HostIp: hostIp, HostPort: String(hostPort) })
  }
  return bindings
}
