// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

/** The threads that a JVM starts at its end. */
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

    /** Removes a thread. Does nothing if it has been started, or is none of these. */
    void remove(Thread hook);
}
