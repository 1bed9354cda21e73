/** The rooms of the house as a test. The table is the documentation: ARCHITECTURE.md explains it. */
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join, matchesGlob, relative, resolve } from 'node:path'
import { test } from 'node:test'

const root = resolve(import.meta.dirname, '..')

/** Room → what its modules may import besides the room itself. A registry's room is its own folder. */
const mayImport: Record<string, readonly string[]> = {
  'kernel': [],
  'engine': ['kernel/**'],
  'connectors': ['kernel/**'],
  'database': ['kernel/**', 'engine/**'],
  'registries/*': ['kernel/**', 'engine/**', 'connectors/**', 'registries/*.ts'],
  'registries': ['kernel/**', 'engine/**', 'registries/*/index.ts'],
  'notify': ['kernel/**', 'engine/**', 'connectors/**', 'registries/*.ts'],
  'config': ['kernel/**', 'registries/*.ts', 'registries/*/index.ts', '*/settings.ts'],
  'server': ['kernel/**', 'engine/**', 'registries/*.ts', 'registries/*/index.ts'],
  'commands': [
    'kernel/**',
    'engine/**',
    'config/**',
    'server/**',
    'registries/*.ts',
    'registries/*/index.ts',
    // The drop-in commands: their own composition root, and what a registry lends its original's command.
    'registries/*/drop-in.ts',
    'app.ts',
    'drop-in.ts',
  ],
  '.': ['**'],
}
/** Tests and fakes may stand on the fakes, journals and found servers of other rooms. */
const alsoForTests = ['**/testing/**', 'kernel/**', 'engine/**', 'database/**', 'app.ts', '../tests/parts/**']

const longest = { file: 400, function: 60 }
const bannedNames = /(^|[-/])(utils?|helpers?|managers?|common|misc)([-./]|$)/

const modules = globSync('src/**/*.ts', { cwd: root }).toSorted()
const code = [...modules, ...globSync('{tests,scripts,bench,prove,bin}/**/*.{ts,js}', { cwd: root })].toSorted()

const read = (file: string) => readFileSync(join(root, file), 'utf8')
const isTest = (file: string) => file.endsWith('.test.ts') || file.includes('/testing/')

/** `kernel`, `registries/images`, or `.` for the files directly under src/. */
function roomOf(module: string): string {
  const [first = '.', second = ''] = relative('src', dirname(module)).split('/')
  return first === 'registries' && second !== '' ? `registries/${second}` : first || '.'
}

/** Own modules that a module imports, relative to src/. */
function importsOf(module: string): string[] {
  const found = read(module).matchAll(/(?:\bfrom|\bimport|\bnew URL)\s*\(?\s*'(\.[^']+\.ts)'/g)
  return [...found].map((match) => relative('src', join(dirname(module), String(match[1]))))
}

function allowedOf(module: string): readonly string[] {
  const room = roomOf(module)
  const rule = mayImport[room] ?? mayImport[room.replace(/\/.*/, '/*')]
  assert.ok(rule, `${module}: room ${room} has no row in the table`)
  const own = room === 'registries' ? 'registries/*.ts' : `${room}/**`
  return [own, ...rule, ...(isTest(module) ? alsoForTests : [])]
}

/** Functions longer than the limit; the lines of functions inside them are not counted again. */
function longFunctions(file: string): string[] {
  const lines = read(file).split('\n')
  const found: string[] = []
  const open: { indent: string; from: number; inner: number }[] = []
  for (const [index, line] of lines.entries()) {
    const indent = /^ */.exec(line)?.[0] ?? ''
    const top = open.at(-1)
    if (top && indent === top.indent && line.startsWith(`${indent}}`)) {
      open.pop()
      const length = index - top.from + 1
      if (length - top.inner > longest.function) found.push(`${file}:${top.from + 1} ${length - top.inner} lines`)
      const outer = open.at(-1)
      if (outer) outer.inner += length
    }
    if (/(\bfunction\b.*|=>|^ +(?!if|for|while|switch|catch)[\w*[\]. ]+\(.*\)(: .*)?) \{$/.test(line)) {
      open.push({ indent, from: index, inner: 0 })
    }
  }
  return found
}

test('every module imports only what its room may', () => {
  assert.ok(modules.length > 20, `only ${modules.length} modules seen`)
  const wrong: string[] = []
  let seen = 0
  for (const module of modules) {
    const allowed = allowedOf(module)
    for (const imported of importsOf(module)) {
      seen += 1
      if (!allowed.some((glob) => matchesGlob(imported, glob))) wrong.push(`${module} imports ${imported}`)
    }
  }
  assert.ok(seen > 50, `only ${seen} imports seen`)
  assert.deepEqual(wrong, [])
})

test('each registry folder has the fixed files and a line in the list', () => {
  const folders = globSync('src/registries/*/', { cwd: root }).map((folder) => basename(folder))
  assert.ok(folders.length > 0, 'no registry folder seen')
  const list = read('src/registries/index.ts')
  for (const folder of folders) {
    assert.match(list, new RegExp(`'\\./${folder}/index\\.ts'`), `src/registries/index.ts does not list ${folder}`)
    for (const file of ['README.md', 'index.ts', 'config.ts', 'model.ts']) {
      assert.ok(existsSync(join(root, 'src/registries', folder, file)), `src/registries/${folder}/${file} is missing`)
    }
  }
})

test('files and functions stay small', () => {
  assert.ok(code.length > 20, `only ${code.length} files seen`)
  const longFiles = code
    .map((file) => ({ file, lines: read(file).trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > longest.file)
  assert.deepEqual(longFiles, [])
  assert.deepEqual(modules.filter((module) => !isTest(module)).flatMap(longFunctions), [])
})

test('names say what is inside', () => {
  assert.deepEqual(
    code.filter((file) => bannedNames.test(file)),
    [],
  )
})

test('links between documents lead somewhere', () => {
  const documents = globSync(['*.md', '{docs,src,examples}/**/*.md'], { cwd: root })
  assert.ok(documents.length > 5, `only ${documents.length} documents seen`)
  const broken: string[] = []
  for (const document of documents) {
    for (const [, target = ''] of read(document).matchAll(/\]\((?![a-z]+:|#)([^)#\s]+)/g)) {
      if (!existsSync(join(root, dirname(document), target))) broken.push(`${document}: ${target}`)
    }
  }
  assert.deepEqual(broken, [])
})

test('nothing names the host of a package registry', () => {
  const hosts = [
    ['registry', 'npmjs', 'org'],
    ['registry', 'yarnpkg', 'com'],
    ['registry', 'npmmirror', 'com'],
    ['npm', 'pkg', 'github', 'com'],
    ['files', 'pythonhosted', 'org'],
    ['proxy', 'golang', 'org'],
  ].map((labels) => labels.join('.'))
  const exclude = ['node_modules/**', '.git/**', 'dist/**', '.regista/**']
  const files = globSync(['**', '.*', '.*/**'], { cwd: root, exclude }).filter((file) =>
    statSync(join(root, file)).isFile(),
  )
  assert.ok(files.length > 50, `only ${files.length} files seen`)
  assert.deepEqual(
    files.filter((file) => hosts.some((host) => read(file).includes(host))),
    [],
  )
})
