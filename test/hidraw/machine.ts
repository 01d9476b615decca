import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { endOfRecords, type ScenarioRecord } from './records.ts'

const root = new URL('../../', import.meta.url).pathname
const machine = join(root, '.hidraw/machine')
const share = join(root, '.hidraw/share')
const records = 'records.ndjson'

/** A guest that says nothing for so long hangs, in milliseconds. */
const longestSilence = 120_000

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`

/** The guest's program as one file: the node of the guest is the host's, and may not strip types. */
async function bundleGuest(): Promise<void> {
  await build({
    entryPoints: [join(root, 'test/hidraw/guest/main.ts')],
    outfile: join(share, 'guest.cjs'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    logLevel: 'warning',
    // What finds files beside itself (dist/, node_modules/) is in test/support, and they are there in the guest, too.
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(join(root, 'test/support/hufu.ts')).href) },
  })
  const words = [process.execPath, '/run/share/guest.cjs', `/run/share/${records}`, join(machine, 'udev')]
  const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  writeFileSync(
    join(share, 'run.sh'),
    `export PATH=${path} HOME=/run LANG=C.UTF-8\nexec ${words.map(quoted).join(' ')}\n`,
  )
}

/** Boots the machine and waits for its end. @throws {Error} with what it wrote to its console */
function boot(): Promise<void> {
  const drive = (path: string, tag: string, more: string) => [
    '-virtfs',
    `local,path=${path.replaceAll(',', ',,')},mount_tag=${tag},security_model=none${more}`,
  ]
  const words = [
    ...['-accel', 'tcg,thread=multi', '-smp', '2', '-cpu', 'max', '-m', '2048', '-nographic', '-no-reboot'],
    ...['-nic', 'none', '-kernel', join(machine, 'vmlinuz'), '-initrd', join(machine, 'initrd.gz')],
    ...['-append', 'console=ttyS0 quiet panic=-1 mitigations=off'],
    ...drive('/', 'host', ',readonly=on,multidevs=remap'),
    ...drive(share, 'share', ''),
  ]
  // The machine must not outlive the tests, however they end.
  const qemu = spawn('setpriv', ['--pdeathsig', 'SIGKILL', 'qemu-system-x86_64', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return new Promise((resolve, reject) => {
    let console = ''
    const fail = (what: string) => {
      qemu.kill('SIGKILL')
      reject(new Error(`${what}. Its console:\n${console}`))
    }
    const silence = setTimeout(() => fail('the virtual machine fell silent'), longestSilence)
    const hear = (chunk: Buffer) => {
      console += chunk
      silence.refresh()
    }
    qemu.stdout.on('data', hear)
    qemu.stderr.on('data', hear)
    qemu.on('error', error => fail(error.message))
    qemu.on('close', status => {
      clearTimeout(silence)
      writeFileSync(join(root, '.hidraw/console.log'), console)
      if (status === 0) resolve()
      else fail(`QEMU ended with ${status}`)
    })
  })
}

/**
 * Runs all scenarios in a virtual machine.
 * @returns what each of them recorded
 * @throws {Error} with the console's text, when the machine did not come to their end
 */
export async function runScenarios(): Promise<ScenarioRecord[]> {
  rmSync(share, { recursive: true, force: true })
  mkdirSync(share, { recursive: true })
  writeFileSync(join(share, records), '')
  await bundleGuest()
  await boot()
  const lines = readFileSync(join(share, records), 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  if (lines.pop() !== endOfRecords) {
    throw new Error(
      `the scenarios did not come to their end:\n${readFileSync(join(root, '.hidraw/console.log'), 'utf8')}`,
    )
  }
  return lines
}
