// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import static org.junit.jupiter.api.Assertions.assertNull;

import org.jspecify.annotations.Nullable;

/** The exit of a JVM, which the test triggers. It supports at most one hook. */
final class FakeExitHooks implements LiveView.ExitHooks {
    private @Nullable Thread added;
    private final Moment interrupted;

    /** The time of a Ctrl-C. */
    enum Moment {
        NEVER,
        BEFORE_A_HOOK,
        AFTER_A_HOOK
    }

    FakeExitHooks(Moment interrupted) {
        this.interrupted = interrupted;
    }

    @Override
    public void add(Thread hook) {
        assertNull(added);
        if (interrupted == Moment.BEFORE_A_HOOK) {
            throw new IllegalStateException("the JVM is about to end");
        }
        added = hook;
        if (interrupted == Moment.AFTER_A_HOOK) {
            hook.start();
        }
    }

    @Override
    public void remove(Thread hook) {
        if (hook == added) {
            added = null;
        }
    }

    /** Returns the hook, or null if there is none. */
    @Nullable
    Thread added() {
        return added;
    }
}
