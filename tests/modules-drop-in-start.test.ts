/** registry-modules-watcher as a process: what keeps it from starting, in the words and with the codes of the original. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { kubeconfig, modulesWatcher } from './parts/modules-watcher.ts'

describe('registry-modules-watcher, how it does not start', () => {
  const watch = '-watch-registries=127.0.0.1:1/a'
  const open = JSON.stringify({ auths: { '127.0.0.1:1': {}, 'spoiled:1': { auth: '%' } } })
  const cases: [string, Readonly<Record<string, string>>, string[], RegExp][] = [
    ['no registries', { REGISTRY_AUTHS: open }, [], /FATAL msg='watch-registries is empty' \n$/],
    ['no REGISTRY_AUTHS', {}, [watch], /FATAL msg='registry auths not set' \n$/],
    [
      'no credentials',
      { REGISTRY_AUTHS: '{"auths":{}}' },
      [watch],
      /WARN msg='no dockercfg auth set, skipping' registry='127.0.0.1:1\/a' \n.* FATAL msg='no registries to watch' \n$/,
    ],
    [
      'credentials in base64',
      { REGISTRY_AUTHS: btoa(open) },
      [watch],
      /base64[^]* FATAL msg='no registries to watch' \n$/,
    ],
    [
      '--compat and a spoiled entry',
      { REGISTRY_AUTHS: open },
      [watch, '-compat'],
      /FATAL msg='no registries to watch' \n$/,
    ],
    [
      'no cluster',
      { REGISTRY_AUTHS: open },
      [watch],
      /INFO msg='watch modules' [^]* FATAL msg='get kubernetes config' error='.+' \n$/,
    ],
    [
      'a builder that is none',
      { REGISTRY_AUTHS: open },
      [watch, '-builder=a b'],
      /FATAL msg='builder cannot be used' builder='a b' error='.+' \n$/,
    ],
    [
      'a CA that is not there',
      { REGISTRY_AUTHS: open },
      [watch, '-ca=/none'],
      /FATAL msg='file of --ca cannot be read' /,
    ],
    [
      'a port that is taken',
      { REGISTRY_AUTHS: open },
      [watch, '-listen=1.2.3.4:1'],
      /FATAL msg='cannot listen' address='1.2.3.4:1' error='.+' \n$/,
    ],
  ]
  for (const [what, env, flags, says] of cases) {
    test(what, async () => {
      using watcher = modulesWatcher(env)
      const { code, stdout } = await watcher.run(...flags)
      assert.match(stdout, says)
      assert.equal(code, 1)
    })
  }

  test('a kubeconfig that names no namespace', async () => {
    using watcher = modulesWatcher({ REGISTRY_AUTHS: open })
    const file = watcher.write('kubeconfig', kubeconfig(new URL('http://127.0.0.1:1'), ''))
    const { code, stdout } = await watcher.run(watch, '-kubeconfig', file)
    assert.match(stdout, /FATAL msg='POD_NAMESPACE is not set, and nothing else names a namespace' \n$/)
    assert.equal(code, 1)
  })

  test('help, and flags that are none', async () => {
    using watcher = modulesWatcher({})
    const help = await watcher.run('--help')
    assert.deepEqual([help.code, help.stderr], [0, ''])
    assert.match(help.stdout, /^Usage of registry-modules-watcher:\n[^]*-scan-interval duration\n.* \(default 15m\)\n/)
    const wrong = await watcher.run('--nope')
    assert.deepEqual([wrong.code, wrong.stdout], [2, ''])
    assert.match(wrong.stderr, /^flag provided but not defined: -nope\nUsage of registry-modules-watcher:\n/)
    const spinning = await watcher.run(watch, '-scan-interval=0s')
    assert.equal(spinning.code, 2)
    assert.match(spinning.stderr, /^invalid value for flag -scan-interval: must be more than 0\nUsage of /)
  })
})
