import { defineConfig } from 'vitest/config'

/** `npm run test:hidraw`: the kernel's own HID path, in a virtual machine. */
export default defineConfig({
  test: {
    include: ['test/hidraw/*.test.ts'],
    globalSetup: ['test/support/build-dist.ts'],
  },
})
