// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

/** Adds and removes shutdown hooks of the JVM. Tests have their own implementation. */
interface ExitHooks {
    /** The exit hooks of this JVM. */
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
                // The JVM is exiting, so the hook was already started and cannot be removed.
            }
        }
    };

    /**
     * Adds a thread.
     *
     * @throws IllegalStateException if the JVM is already exiting
     */
    void add(Thread hook);

    /** Removes a thread. Does nothing if it was already started, or was never added. */
    void remove(Thread hook);
}
