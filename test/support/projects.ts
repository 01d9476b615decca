/** What all projects of vitest have in common. */
export const shared = {
  testTimeout: 30_000,
  hookTimeout: 60_000,
  setupFiles: ['test/support/temporary-folder.ts', 'test/support/repeat-transactions.ts'],
}

/** The two projects that run `include` on PostgreSQL, each on a cluster of its own. */
export const onPostgres = (include: string[]) =>
  (['postgres', 'postgres-serializable'] as const).map(name => ({
    test: {
      ...shared,
      name,
      include,
      env: { HUFU_TEST_DATABASE: name },
      globalSetup: ['test/support/postgres-setup.ts'],
      setupFiles: [...shared.setupFiles, 'test/support/postgres-files.ts'],
    },
  }))
