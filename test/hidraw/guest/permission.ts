import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { hufuExecutable } from '../../support/hufu.ts'
import type { Person } from '../../support/person.ts'
import type { Outcome, RecordedRun } from '../records.ts'
import type { Key } from './key.ts'
import { until } from './port.ts'

/** A user and a group. */
export interface Credentials {
  readonly uid: number
  readonly gid: number
}

/** The line of `name` in /etc/passwd or /etc/group, as its number. */
function numberOf(name: string, file: '/etc/passwd' | '/etc/group'): number {
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find(each => each.startsWith(`${name}:`))
  if (line === undefined) throw new Error(`${file} knows no ${name}`)
  return Number(line.split(':')[2])
}

/** Lets everybody go to `path`: the project may lie in a folder that only its owner enters. */
function openWayTo(path: string): void {
  for (let folder = dirname(realpathSync(path)); folder !== '/'; folder = dirname(folder)) {
    const { mode } = statSync(folder)
    if ((mode & 0o001) === 0) chmodSync(folder, mode | 0o011)
  }
}

function giveTo({ uid, gid }: Credentials, folder: string): void {
  chownSync(folder, uid, gid)
  for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    chownSync(join(folder, entry), uid, gid)
}

/** Starts udev with Debian's own rules. @param folder its /lib/udev, and udevadm */
async function startUdev(folder: string) {
  cpSync(folder, '/lib/udev', { recursive: true })
  const udevadm = join(folder, 'udevadm')
  // One program, which does what it is called.
  symlinkSync(udevadm, '/run/systemd-udevd')
  const daemon = spawn('/run/systemd-udevd', { stdio: ['ignore', 'inherit', 'inherit'] })
  const ended = once(daemon, 'close')
  const run = (...args: string[]) => execFileSync(udevadm, args, { stdio: 'inherit' })
  await until('udev', () => {
    try {
      run('control', '--ping')
      return true
    } catch {
      return undefined
    }
  })
  return {
    /** Types the commands among `words`; we are root already. */
    obey(words: string) {
      const commands = words.split('\n').filter(line => /^(?:echo|sudo) /.test(line.trim()))
      const script = ['sudo() { "$@"; }', ...commands].join('\n')
      const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` }
      execFileSync('/bin/sh', ['-ec', script], { stdio: 'inherit', env })
    },
    settle: () => run('settle'),
    async stop() {
      daemon.kill('SIGTERM')
      await ended
    },
  }
}

/**
 * Has a normal user try a key that is root's; then does, to the letter, what hufu told that user; and has that user and
 * another one try again.
 * @param stepUp runs hufu with the key, as somebody
 */
export async function permission(
  person: Person,
  key: Key,
  udevFolder: string,
  stepUp: (as: Credentials) => Promise<RecordedRun>,
): Promise<Outcome> {
  const uid = numberOf('nobody', '/etc/passwd')
  const outsider = { uid, gid: numberOf('nogroup', '/etc/group') }
  const member = { uid, gid: numberOf('plugdev', '/etc/group') }
  const packages = join(dirname(hufuExecutable), '../node_modules/node-hid')
  for (const path of [hufuExecutable, packages, process.execPath]) openWayTo(path)
  giveTo(outsider, person.home)
  const refused = await stepUp(member)

  const udev = await startUdev(udevFolder)
  try {
    mkdirSync('/etc/udev/rules.d', { recursive: true })
    udev.obey(String(refused.last.next))
    await key.unplug()
    await key.plugIn()
    udev.settle()
    const { mode, gid } = statSync(key.path)
    const runs = [refused, await stepUp(member), await stepUp(outsider)]
    return { runs, seen: { mode: (mode & 0o777).toString(8), isOfPlugdev: gid === member.gid } }
  } finally {
    await udev.stop()
  }
}
