/** The service account that Kubernetes gives to every pod. */
import { readFile } from 'node:fs/promises'
import { isIPv6 } from 'node:net'
import { join } from 'node:path'
import type { Clock } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import { keepAccess, type Cluster } from './cluster.ts'

export interface InClusterOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  /** Where Kubernetes mounts `token`, `ca.crt` and `namespace`. */
  readonly folder?: string
}

const mounted = '/var/run/secrets/kubernetes.io/serviceaccount'

/** Rejects with `config.invalid` outside a pod, or in one without a service account. */
export async function inCluster({ env, clock, folder = mounted }: InClusterOptions): Promise<Cluster> {
  const host = env['KUBERNETES_SERVICE_HOST']
  const port = env['KUBERNETES_SERVICE_PORT']
  if (!host || !port) {
    const missing = host ? 'KUBERNETES_SERVICE_PORT' : 'KUBERNETES_SERVICE_HOST'
    throw new AppError('config.invalid', `not in a Kubernetes cluster: ${missing} is not set; name a kubeconfig`)
  }
  const address = `https://${isIPv6(host) ? `[${host}]` : host}:${port}`
  if (!URL.canParse(address)) {
    throw new AppError('config.invalid', `KUBERNETES_SERVICE_HOST and _PORT make no address: ${address}`)
  }

  const read = async () => {
    const token = (await readMounted(join(folder, 'token'))).trim()
    // Read each time, for authorities are replaced too, by files that are swapped together with the token.
    const ca = await readMounted(join(folder, 'ca.crt'))
    return { headers: { authorization: `Bearer ${token}` }, tls: { ca } }
  }
  await read()
  const namespace = await readFile(join(folder, 'namespace'), 'utf8').catch(() => '')
  return {
    name: 'in-cluster',
    server: new URL(address),
    namespace: namespace.trim() || null,
    proxy: null,
    access: keepAccess(clock, `service account in ${folder}`, read),
  }
}

async function readMounted(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (thrown) {
    const next = 'give the pod a service account and leave automountServiceAccountToken on'
    const { code = 'failed' } = thrown as NodeJS.ErrnoException
    throw new AppError('config.invalid', `${file} cannot be read (${code}); ${next}`, { cause: thrown })
  }
}
