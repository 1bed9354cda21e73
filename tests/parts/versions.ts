/** Images that a container can run: busybox alone, and a script that serves HTTP, or does not. */
import { readFile } from 'node:fs/promises'
import { findPart } from './find.ts'
import { file, imageOf, layerOf, symlink, type Layer, type Shelf } from './images.ts'

export interface VersionOptions {
  /** It says why and ends with 3. */
  readonly crash?: boolean
  /** It only serves after so many seconds. */
  readonly slow?: number
  /** In place of serving. */
  readonly command?: readonly string[]
}

export interface MadeVersion {
  /** `host:port/name`. */
  readonly repository: string
  readonly tag: string
  readonly digest: string
  /** `host:port/name@sha256:…`. */
  readonly reference: string
}

/** What serves answers on the port of the variable PORT (8080) with its tag. */
export type MakeVersion = (name: string, tag: string, options?: VersionOptions) => Promise<MadeVersion>

export function makeVersions(shelf: Shelf, host: string): MakeVersion {
  let programs: Promise<Layer> | null = null
  return async (name, tag, { crash = false, slow = 0, command } = {}) => {
    programs ??= programLayer()
    const layer = await layerOf([
      file('www/index.html', tag),
      { ...file('serve', serving(tag, crash, slow)), mode: 0o755 },
    ])
    const run = { Cmd: command ?? ['/serve'], Env: ['PATH=/bin'] }
    const image = imageOf([await programs, layer], { run, comment: name })
    await shelf.put(name, tag, image)
    const repository = `${host}/${name}`
    return { repository, tag, digest: image.digest, reference: `${repository}@${image.digest}` }
  }
}

/** Debian's busybox-static: it needs no other file. */
async function programLayer(): Promise<Layer> {
  const path = findPart('busybox')
  if (path === null) throw new Error('busybox is not here; tests ask skipWithout("busybox") first')
  const names = ['sh', 'httpd', 'wget', 'sleep', 'test', 'true', 'false', 'cat', 'echo', 'kill']
  return layerOf([
    { ...file('bin/busybox', await readFile(path)), mode: 0o755 },
    ...names.map((name) => symlink(`bin/${name}`, 'busybox')),
  ])
}

/** The first process of a container only ends on signals that it handles. */
function serving(tag: string, crash: boolean, slow: number): string {
  const lines = crash
    ? ['echo "cannot read the settings (token $TOKEN)" >&2', 'exit 3']
    : [
        `trap 'kill $server; exit 0' TERM`,
        ...(slow > 0 ? [`sleep ${slow} & server=$!; wait $server`] : []),
        'httpd -f -p "${PORT:-8080}" -h /www &',
        'server=$!',
        'wait $server',
      ]
  return ['#!/bin/sh', `echo "version ${tag}"`, ...lines, ''].join('\n')
}
