/** Layers as GNU tar writes them, in each of its formats. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { filesOf, ground } from './testing/ground.ts'
import { imageOf } from './testing/layers.ts'

/** Of the parts of names: v7 bounds names at 99 bytes, ustar at 255. */
const longest = { v7: 40, ustar: 70, gnu: 200, oldgnu: 200, pax: 200, posix: 200 }

suite('a layer in the format', () => {
  for (const [format, length] of Object.entries(longest)) {
    test(format, async () => {
      using at = ground()
      const folder = mkdtempSync(join(tmpdir(), 'regista-tar-'))
      try {
        const long = `docs/${'d'.repeat(length)}/${'f'.repeat(length)}.md`
        mkdirSync(join(folder, 'docs', 'd'.repeat(length)), { recursive: true })
        writeFileSync(join(folder, long), 'long')
        writeFileSync(join(folder, 'README.md'), 'readme'.repeat(500))
        linkSync(join(folder, 'README.md'), join(folder, 'docs/README.md'))
        // The target of a link has 100 bytes in ustar, whatever the name may have.
        symlinkSync(
          format === 'ustar' ? `${'d'.repeat(length)}/../README.md` : `../${long}`,
          join(folder, 'docs/link.md'),
        )
        const tar = execFileSync('tar', ['--create', `--format=${format}`, '--directory', folder, '.'])
        assert.deepEqual(filesOf(await at.made(imageOf([tar]))), {
          'docs/README.md': 'readme'.repeat(500),
          [long]: 'long',
          'docs/link.md': format === 'ustar' ? 'readme'.repeat(500) : 'long',
        })
      } finally {
        rmSync(folder, { recursive: true })
      }
    })
  }
})
