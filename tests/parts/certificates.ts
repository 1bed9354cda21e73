/** Certificates for tests, made with openssl: an authority, a server for 127.0.0.1 and localhost, a client. */
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findPart } from './find.ts'

export interface Certificates {
  /** Paths of PEM files. */
  readonly ca: string
  readonly server: { readonly cert: string; readonly key: string }
  readonly client: { readonly cert: string; readonly key: string }
}

export function makeCertificates(folder: string): Certificates {
  mkdirSync(folder, { recursive: true })
  const at = (name: string) => join(folder, name)
  const openssl = (...args: string[]) => execFileSync(findPart('openssl')!, args, { stdio: 'pipe' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
    '-days',
    '2',
    '-subj',
    '/CN=test authority',
  )

  function issue(name: string, subject: string, extensions: string) {
    const files = { cert: at(`${name}.pem`), key: at(`${name}.key`) }
    openssl('req', ...key, '-keyout', files.key, '-out', at(`${name}.csr`), '-subj', subject)
    writeFileSync(at(`${name}.ext`), extensions)
    const authority = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2']
    openssl('x509', '-req', '-in', at(`${name}.csr`), ...authority, '-out', files.cert, '-extfile', at(`${name}.ext`))
    return files
  }

  const server = issue(
    'server',
    '/CN=localhost',
    'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n',
  )
  return { ca: at('ca.pem'), server, client: issue('client', '/CN=client', 'extendedKeyUsage=clientAuth\n') }
}

/** An RSA key pair in PEM files, for signing tokens. */
export function makeSigningKey(folder: string): { readonly publicKey: string; readonly privateKey: string } {
  mkdirSync(folder, { recursive: true })
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  })
  const files = { publicKey: join(folder, 'public.pem'), privateKey: join(folder, 'private.pem') }
  writeFileSync(files.publicKey, publicKey)
  writeFileSync(files.privateKey, privateKey, { mode: 0o600 })
  return files
}
