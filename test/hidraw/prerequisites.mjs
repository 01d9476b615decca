// Says what `npm run test:hidraw` lacks here, and how to get it. Ends with 77 then (the convention for "skipped"), or with
// 1 where HUFU_REQUIRE_HIDRAW=1 says that it may not be lacking.
import { access } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

const root = new URL('../../', import.meta.url).pathname
const skipped = 77

const isThere = path =>
  access(path).then(
    () => true,
    () => false,
  )

async function isProgram(name) {
  const places = (process.env.PATH ?? '').split(delimiter).map(folder => isThere(join(folder, name)))
  return (await Promise.all(places)).includes(true)
}

async function missing() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'It needs Linux on x86-64.'
  if (!(await isProgram('qemu-system-x86_64'))) {
    return 'QEMU is missing. On Debian, as root: apt-get install --no-install-recommends qemu-system-x86 kmod cpio'
  }
  if (!(await isThere(join(root, '.hidraw/machine/made-by')))) {
    return 'The virtual machine is not made yet. On Debian: test/hidraw/make-machine.sh (70 MB to download)'
  }
  return undefined
}

const what = await missing()
if (what !== undefined) {
  const isRequired = process.env.HUFU_REQUIRE_HIDRAW === '1'
  console.error(`test:hidraw ${isRequired ? 'cannot run' : 'was skipped: nothing was tested'}. ${what}`)
  process.exitCode = isRequired ? 1 : skipped
}
