import { spawn } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Holds processes to a share of one core each. */
export interface CpuQuota {
  /** What holds them: `cgroup v2`, `cgroup v1` or `cpulimit`. */
  readonly by: string
  /** Puts a process, with all its threads, under a quota of its own. */
  hold(pid: number): void
  /** Removes what was made. The processes have ended by then. */
  close(): void
}

const v2 = '/sys/fs/cgroup'
const v1 = '/sys/fs/cgroup/cpu'
/** Short, so that what waits at a process that has used up its quota waits for milliseconds. */
const periodMicroseconds = 25_000

const isWritable = (path: string): boolean => {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Groups of processes below `root`, one for each; `limits` are the files that hold one, with what is written there. */
function inGroups(by: string, root: string, limits: Readonly<Record<string, string>>): CpuQuota {
  const folders: string[] = []
  return {
    by,
    hold(pid) {
      const folder = join(root, `hufu-bench-${pid}`)
      mkdirSync(folder)
      folders.push(folder)
      for (const [file, text] of Object.entries(limits)) writeFileSync(join(folder, file), text)
      writeFileSync(join(folder, 'cgroup.procs'), String(pid))
    },
    close() {
      for (const folder of folders) rmdirSync(folder)
    },
  }
}

const hasV2 = (): boolean => {
  const controllers = join(v2, 'cgroup.controllers')
  return (
    existsSync(controllers) &&
    readFileSync(controllers, 'utf8').split(/\s/).includes('cpu') &&
    isWritable(join(v2, 'cgroup.subtree_control'))
  )
}

const isOnPath = (program: string): boolean =>
  (process.env.PATH ?? '').split(delimiter).some(folder => existsSync(join(folder, program)))

/**
 * The way of this machine to hold a process to `share` (0 to 1) of one core.
 * @returns `undefined` where there is none: cgroups need root, cpulimit is a package of Debian
 */
export function openCpuQuota(share: number): CpuQuota | undefined {
  const quota = Math.round(share * periodMicroseconds)
  if (hasV2()) {
    writeFileSync(join(v2, 'cgroup.subtree_control'), '+cpu')
    return inGroups('cgroup v2', v2, { 'cpu.max': `${quota} ${periodMicroseconds}` })
  }
  if (existsSync(join(v1, 'cpu.cfs_quota_us')) && isWritable(v1)) {
    const limits = { 'cpu.cfs_period_us': String(periodMicroseconds), 'cpu.cfs_quota_us': String(quota) }
    return inGroups('cgroup v1', v1, limits)
  }
  if (!isOnPath('cpulimit')) return undefined
  return {
    by: 'cpulimit',
    hold(pid) {
      // `-z`: it ends with the process that it holds.
      spawn('cpulimit', ['-z', '-l', String(Math.round(share * 100)), '-p', String(pid)], { stdio: 'ignore' })
    },
    close() {},
  }
}
