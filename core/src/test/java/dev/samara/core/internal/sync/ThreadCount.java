// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.lang.reflect.Field;
import java.util.Objects;

/** The number of threads that serve a queue of tasks. */
public final class ThreadCount {
    private ThreadCount() {}

    /** Reads the number without a lock; the caller is the only thread that runs. */
    public static int of(Background background) {
        BackgroundThreads threads = (BackgroundThreads) Objects.requireNonNull(read(background, "threads"));
        return (int) Objects.requireNonNull(read(threads, "threads"));
    }

    private static Object read(Object of, String name) {
        try {
            Field field = of.getClass().getDeclaredField(name);
            field.setAccessible(true);
            return field.get(of);
        } catch (ReflectiveOperationException renamed) {
            throw new IllegalStateException(renamed);
        }
    }
}
