// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

/** Adds and removes shutdown hooks of the JVM. A test has its own. */
interface ExitHooks {
    /** Those of this JVM. */
    ExitHooks OF_JVM = new ExitHooks() {
        @Override
        public void add(Thread hook) {
            Runtime.getRuntime().addShutdownHook(hook);
        }

        @Override
        public void remove(Thread hook) {
            try {
                Runtime.getRuntime().removeShutdownHook(hook);
            } catch (IllegalStateException ending) {
                // The hook runs, or has run.
            }
        }
    };

    /**
     * Adds a thread.
     *
     * @throws IllegalStateException if the JVM is about to end
     */
    void add(Thread hook);

    /** Removes a thread. Does nothing if it was already started, or was never added. */
    void remove(Thread hook);
}
